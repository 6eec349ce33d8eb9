/**
 * Tables of numbers as series: where the time is, what a gap becomes, and what is refused.
 */
import { test } from 'tap';
import { readSeriesTable } from '../../src/core/series-table.js';

const read = (text: string, mediaType = 'text/csv') => readSeriesTable(new TextEncoder().encode(text), mediaType);

test('a table with times gives channels, rate and start', async (t) => {
  const series = read(
    'timestamp,temp,state,hum\n2026-01-01 00:00:00,20.5,on,40\n2026-01-01 00:05:00,21,on,\n2026-01-01 00:10:00,22,off,42\n',
  );
  t.same(series.channels, ['temp', 'hum'], 'a column without a number is no channel');
  t.equal(series.rateHz, 1 / 300);
  t.equal(series.startMs, Date.UTC(2026, 0, 1));
  t.equal(series.length, 3);
  t.same([...series.data], [20.5, 21, 22, 40, 40, 42], 'a gap is filled by what stood before it');
  t.equal(series.filled, 1);
});

test('separators, quotes, and tables without names are told', async (t) => {
  t.same(read('a;b\n1;2\n3;4\n').channels, ['a', 'b']);
  t.same(read('"a, b",c\r\n"1",2\r\n').channels, ['a, b', 'c']);
  t.same(read('1\t2\n3\t4', 'text/tab-separated-values').channels, ['c1', 'c2']);
  t.same([...read('1,2\n3,4').data], [1, 3, 2, 4]);
  t.equal(read('1,2\n3,4').rateHz, null);
});

test('steps that are uneven give no rate', async (t) => {
  t.equal(read('t,x\n0,1\n1,2\n3,3\n').rateHz, null);
  t.equal(read('t,x\n0,1\n0.5,2\n1.01,3\n').rateHz?.toFixed(1), '2.0');
});

test('rows that are missing, doubled or out of order are laid on an even grid', (t) => {
  const series = read('t,x\n0,1\n1,2\n2,4\n3,4\n3,5\n5,9\n4.9,7\n7,11\n6,10\n9,30\n');
  t.equal(series.rateHz, 1);
  t.equal(series.length, 10);
  t.same(
    [...series.data].map((value) => Math.round(value * 100) / 100),
    [1, 2, 4, 5, 6.05, 9, 10, 11, 20.5, 30],
    'lines between the rows',
  );
  t.equal(series.filled, 2, 'the samples at 4 and 8 have no row near them');
  t.equal(read('t,x\n0,1\n1,2\n2,3\n60,4\n').rateHz, null, 'a recording with a hole far longer than itself is none');
  t.end();
});

test('lines of JSON are objects or arrays', async (t) => {
  const series = read('{"ts":1700000000,"x":1}\n\n{"ts":1700000001,"x":2,"y":5}\n', 'application/x-ndjson');
  t.same(series.channels, ['x', 'y']);
  t.equal(series.startMs, 1_700_000_000_000);
  t.same([...series.data], [1, 2, 5, 5]);
  t.same(read('[1,2]\n[3,4]\n', 'application/x-ndjson').channels, ['c1', 'c2']);
});

test('what is no table of numbers is refused with its place', async (t) => {
  const refused = (text: string, mediaType: string, reason: RegExp) =>
    t.throws(() => read(text, mediaType), { code: 'CAPTURE_DECODE', message: reason });
  refused('', 'text/csv', /no row of values/);
  refused('a,b\nx,y\n', 'text/csv', /no column of it is a number/);
  refused('a\n"1\n', 'text/csv', /quoted field does not end/);
  refused('{"a":1}\n{"a":\n', 'application/x-ndjson', /line 2 is no JSON/);
  refused('{"a":1}\n3\n', 'application/x-ndjson', /line 2 is no JSON object/);
  refused(
    `${Array.from({ length: 65 }, (_, i) => `c${i}`).join()}\n${Array.from({ length: 65 }, () => '1').join()}\n`,
    'text/csv',
    /65 columns/,
  );
});
