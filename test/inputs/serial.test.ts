/**
 * Serial lines: the real binding, in its process, on pseudo-terminals.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { InputContext } from '../../src/core/contracts.js';
import { decodeSeries } from '../../src/core/series.js';
import { notInstalled } from '../../src/inputs/serial/port-plan.js';
import { serialInput } from '../../src/inputs/serial.js';
import { liveContext, liveInputContract, TakingCorridor } from '../contracts/live-input-contract.js';
import { SerialCable } from '../support/ptys.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

const skip = spawnSync('socat', ['-V']).error === undefined ? false : 'socat is not installed (apt-get install socat)';

const make = (options: object, context: InputContext) => serialInput.create('live', serialInput.options.parse(options), context);

async function cableFor(t: Test): Promise<SerialCable> {
  const folder = mkdtempSync(join(tmpdir(), 'serial-'));
  // For a user who may enter and not open.
  chmodSync(folder, 0o755);
  const cable = new SerialCable(folder);
  t.teardown(() => cable.unplug());
  await cable.plug();
  chmodSync(cable.near, 0o600);
  return cable;
}

/** An input on a cable, stopped with its test. */
async function listening(t: Test, cable: SerialCable, options: object) {
  const around = testSurroundings();
  const corridor = new TakingCorridor();
  const input = make({ path: cable.near, ...options }, liveContext(`${t.testdir({})}/ledger`, around));
  t.teardown(() => input.stop());
  await input.start(corridor.offer);
  const saying = async (bytes: string | Uint8Array, count: number) => {
    // Until it is opened nobody hears what is said.
    await until(`${count} captures came`, async () => {
      cable.say(bytes);
      await new Promise((resolve) => setTimeout(resolve, 60));
      return corridor.taken.length >= count;
    });
  };
  const bytes = (index: number) => {
    const content = corridor.taken[index]?.capture.content;
    if (content === undefined || !('bytes' in content)) throw new Error(`there is no capture ${index}`);
    return Buffer.from(content.bytes);
  };
  return { around, corridor, saying, bytes, skipped: (reason: string) => around.value('shoal_input_skipped_total', { reason }) };
}

test('a live input like any other', { skip }, async (t) => {
  liveInputContract(t, async (t) => {
    const cable = await cableFor(t);
    return {
      create: (context) => make({ path: cable.near }, context),
      unplug: () => cable.unplug(),
      plug: () => cable.plug(),
      speak: async () => cable.say('it is well\r\n'),
      away: /there is no .*near; /,
    };
  });
});

test('numbers in CSV become windows; half a line at the beginning is none', { skip }, async (t) => {
  const cable = await cableFor(t);
  const { saying, bytes, corridor } = await listening(t, cable, {
    format: 'csv',
    fields: ['x', 'y'],
    window: { samples: 2 },
    baud_rate: 9600,
  });
  await saying('.5,9\n1.5,-1\n', 2);
  const series = corridor.taken.map((_, i) => decodeSeries(bytes(i)));
  t.match(series[0], { channels: ['x', 'y'], length: 2 });
  t.equal(series[0]?.data[0], 1.5, 'the first line was heard from its middle on');
});

test('sentences with a wrong checksum are counted, the others are texts', { skip }, async (t) => {
  const cable = await cableFor(t);
  const { saying, corridor, skipped } = await listening(t, cable, { format: 'nmea', sentences: ['MWV'] });
  await saying('$WIMWV,214.8,R,0.1,K,A*28\r\n$WIMWV,214.8,R,9.1,K,A*28\r\n$GPGLL,,,,,,V*06\r\n', 2);
  t.match(corridor.taken[0]?.capture.header, { name: '$WIMWV,214.8,R,0.1,K,A*28', kind: 'text' });
  t.ok(skipped('bad_checksum') >= 2);
  t.ok(corridor.taken.every(({ capture }) => capture.header.name.startsWith('$WIMWV')));
});

test('a binary stream out of step is taken up after a pause', { skip }, async (t) => {
  const cable = await cableFor(t);
  const { saying, bytes, skipped, corridor } = await listening(t, cable, { format: 'binary', max_bytes: 32, resync_ms: 20 });
  await saying(Buffer.from('\x05\x00piece', 'latin1'), 1);
  const before = corridor.taken.length;
  cable.say(Buffer.from('\xff\xff this is no piece at all', 'latin1'));
  await until('it is lost', () => skipped('too_long') === 1);
  await new Promise((resolve) => setTimeout(resolve, 60));
  await saying(Buffer.from('\x05\x00again', 'latin1'), before + 1);
  t.equal(bytes(before).toString(), 'again');
});

test('a line of noise is told as such, and a device that may not be opened, or is held', { skip }, async (t) => {
  const cable = await cableFor(t);
  const noise = await listening(t, cable, { baud_rate: 4800 });
  const health = (around: typeof noise.around) => around.states.get('input:live');
  await until('it is told', () => {
    cable.say(Buffer.from('\xff\xfe\x80\n'.repeat(5), 'latin1'));
    return health(noise.around)?.state === 'down';
  });
  t.match(health(noise.around)?.reason, /^the last 20 pieces are no text \(UTF-8\): check baud_rate \(4800\)/);
  const second = await listening(t, cable, {});
  await until('the second is told', () => health(second.around)?.state === 'down');
  t.match(health(second.around)?.reason, /near is in use by (node|socat) \(process \d+\)/);
});

/** Why the process of a line ended. */
function lastWords(script: string, path: string, uid?: number): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, JSON.stringify({ path, baudRate: 9600 })], {
      cwd: '/',
      ...(uid === undefined ? {} : { uid }),
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('close', () => resolve(said));
  });
}

const portMain = join(process.cwd(), 'dist/src/inputs/serial/port-main.js');

test('the process of a line says why it ended', { skip }, async (t) => {
  const cable = await cableFor(t);
  t.match(await lastWords(portMain, '/dev/no-such-line'), /there is no \/dev\/no-such-line; /);
  if (process.getuid?.() === 0)
    t.match(await lastWords(portMain, cable.near, 65_534), /may not open .*near: make its user a member of the group root/);
  // Away from the packages.
  const alone = mkdtempSync(join(tmpdir(), 'serial-'));
  cpSync('dist/src', join(alone, 'src'), { recursive: true });
  writeFileSync(join(alone, 'package.json'), '{"type":"module"}');
  t.match(await lastWords(join(alone, 'src/inputs/serial/port-main.js'), cable.near), /npm install --no-save serialport@13/);
});

test('the package is optional, and pinned', (t) => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { optionalDependencies: Record<string, string> };
  t.ok(notInstalled.includes(`serialport@${manifest.optionalDependencies.serialport}"`), 'what is advised is what is tested');
  t.end();
});
