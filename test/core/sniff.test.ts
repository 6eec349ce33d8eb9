import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { formOf } from '../../src/core/form.js';
import { limits } from '../../src/core/limits.js';
import { sniff, whatIs } from '../../src/core/sniff.js';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

test('each kind of file is named by its first bytes, and only what an engine decodes is readable', async (t) => {
  const cases: [string | Buffer, string, string][] = [
    ['\xff\xd8\xff\xe0\0\x10JFIF', 'image', 'image/jpeg'],
    ['\x89PNG\r\n\x1a\n', 'image', 'image/png'],
    ['RIFF\x10\0\0\0WEBPVP8 ', 'image', 'image/webp'],
    ['II*\0\x08\0\0\0', 'image', 'image/tiff'],
    ['MM\0*\0\0\0\x08', 'image', 'image/tiff'],
    ['RIFF\x24\0\0\0WAVEfmt ', 'audio', 'audio/wav'],
    ['GIF89a', 'image', 'image/gif'],
    ['BM\x36\0\0\0\0\0\0\0\x36', 'image', 'image/bmp'],
    ['\0\0\0\x20ftypavif', 'image', 'image/avif'],
    ['\0\0\0\x20ftypheic', 'image', 'image/heic'],
    ['\0\0\0\x20ftypisom', 'unknown', 'video/mp4'],
    ['ID3\x04\0', 'audio', 'audio/mpeg'],
    ['OggS\0\x02', 'audio', 'audio/ogg'],
    ['fLaC\0\0', 'audio', 'audio/flac'],
    ['%PDF-1.4\n', 'document', 'application/pdf'],
    ['\n\n%PDF-1.4\n', 'document', 'application/pdf'],
    [
      'PK\x03\x04\x14\0[Content_Types].xml word/document.xml',
      'document',
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    ],
    ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'document', 'application/x-ole-storage'],
    ['PK\x03\x04\x14\0', 'archive', 'application/zip'],
    ['\x1f\x8b\x08', 'archive', 'application/gzip'],
    ['\xfd7zXZ\0', 'archive', 'application/x-xz'],
    ['\x28\xb5\x2f\xfd', 'archive', 'application/zstd'],
    ['7z\xbc\xaf\x27\x1c', 'archive', 'application/x-7z-compressed'],
    [`${'name'.padEnd(257, '\0')}ustar`, 'archive', 'application/x-tar'],
    ['<?xml version="1.0"?>\n<!-- a --><svg width="1">', 'image', 'image/svg+xml'],
    ['<!DOCTYPE html><title>', 'text', 'text/html'],
    ['BMW is a car', 'text', 'text/plain'],
    [Buffer.from('grüß dich, 世界'), 'text', 'text/plain'],
    ['\xef\xbb\xbfwith a mark', 'text', 'text/plain'],
    ['\xff\xfeh\0i\0', 'text', 'text/plain'],
    ['caf\xe9 in latin-1', 'unknown', 'application/octet-stream'],
    ['\x7fELF\x02', 'unknown', 'application/x-elf'],
    ['\0\0\0\0', 'unknown', 'application/octet-stream'],
    ['', 'unknown', 'application/octet-stream'],
    ['\xff\xfe\0\0h\0\0\0', 'unknown', 'application/octet-stream'],
    ['RIFF\x10\0\0\0AVI LIST', 'unknown', 'video/x-msvideo'],
    ['\x1a\x45\xdf\xa3', 'unknown', 'video/x-matroska'],
    ['\0asm\x01\0\0\0', 'unknown', 'application/wasm'],
    ['PAR1\x15', 'table', 'application/vnd.apache.parquet'],
    ['SQLite format 3\0', 'table', 'application/vnd.sqlite3'],
    ['{\\rtf1\\ansi', 'document', 'text/rtf'],
    ['PK\x03\x04\x14\0META-INF/MANIFEST.MF', 'archive', 'application/java-archive'],
    ['!<arch>\ndebian-binary   ', 'archive', 'application/vnd.debian.binary-package'],
    ['time,x,y\n0,1,2\n1,"a, b",3\n2,4,', 'table', 'text/csv'],
    ['\xef\xbb\xbftime;x\r\n0;1\r\n1;2\r\n2;3\r\n3;4\r\n4;5\r\n', 'table', 'text/csv'],
    ['time\tx\ty\n0\t1\t2\n', 'table', 'text/tab-separated-values'],
    ['{"t":1}\n{"t":2}\n{"t"', 'table', 'application/x-ndjson'],
    ['{ "t": [1,\n 2] }\n', 'text', 'application/json'],
    ['[1, 2', 'text', 'application/json'],
  ];
  for (const [head, kind, mediaType] of cases) {
    const found = sniff(typeof head === 'string' ? latin1(head) : head);
    t.same([found.kind, found.mediaType], [kind, mediaType], mediaType);
    t.equal(found.readable, formOf(mediaType) !== null, 'readable is what has a form');
    t.match(found.what, /^(an? |data )/);
  }
});

test('a text cut within a character is still a text, and nothing makes sniffing throw', async (t) => {
  const text = Buffer.from('ä'.repeat(limits.sniffBytes));
  t.equal(sniff(text.subarray(0, limits.sniffBytes - 1)).kind, 'text');
  t.equal(
    sniff(Buffer.concat([text.subarray(0, 100), Buffer.from([0xff]), text])).kind,
    'unknown',
    'an invalid byte in the middle is no text',
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (head) => sniff(head).what.length > 0));
});

test('prose, programs and notes do not pass for tables or JSON', async (t) => {
  for (const text of [
    'Dear Sir, thank you\nfor the fish, and the\nbread, which was good\n',
    'int a;\nint b;\nint c;\nint d;\nint e;\nint f;\nint g;\n',
    'a, b\nc, d\n',
    'a,b,c\n1,2\n3,4,5\n',
    '[section]\nkey = 1\n',
    '{ not json }\n{ at all }\n',
    '[1] a note\n',
  ]) {
    t.equal(sniff(Buffer.from(text)).mediaType, 'text/plain', text);
  }
});

test('a media type is told in words, and one that is not known here as it is', async (t) => {
  for (const path of ['samples/sign.jpg', 'samples/announcement.wav', 'package.json', 'README.md']) {
    const { mediaType, what } = sniff(readFileSync(path).subarray(0, limits.sniffBytes));
    t.equal(whatIs(mediaType), what, path);
  }
  t.equal(whatIs('application/pdf'), 'a PDF document');
  t.equal(whatIs('application/x-of-tomorrow'), 'application/x-of-tomorrow');
});

const data = process.env.SHOAL_TEST_DATA ?? '';

const named = (path: string) => sniff(readFileSync(path).subarray(0, limits.sniffBytes)).mediaType;

test('real files are named rightly whatever they are called', async (t) => {
  t.equal(named('samples/sign.jpg'), 'image/jpeg');
  t.equal(named('samples/label.png'), 'image/png');
  t.equal(named('samples/announcement.wav'), 'audio/wav');
  t.equal(named('samples/LICENCES.md'), 'text/plain');
});

test('a real scan is named rightly', { skip: data === '' ? 'SHOAL_TEST_DATA is not set' : false }, async (t) => {
  t.equal(named(join(data, 'data/ocr_pages/phototest.tif')), 'image/tiff');
});
