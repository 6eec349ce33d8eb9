import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp, { type Color } from 'sharp';
import { test } from 'tap';
import { openImage } from '../../src/engine/image.js';

const data = process.env.SHOAL_TEST_DATA;
const red = { r: 200, g: 40, b: 60 };
const solid = (width: number, height: number, background: Color = red, channels: 3 | 4 = 3) =>
  sharp({ create: { width, height, channels, background } });

async function pixelAt(encoded: Uint8Array, x = 0, y = 0): Promise<number[]> {
  const { data: bytes, width, channels } = await (await openImage(encoded)).pixels();
  const at = (y * width + x) * channels;
  return [...bytes.subarray(at, at + channels)];
}

function close(found: readonly number[], expected: readonly number[], tolerance: number): boolean {
  return found.length === expected.length && found.every((value, index) => Math.abs(value - (expected[index] ?? 0)) <= tolerance);
}

/** A PNG of one bit a pixel, all black: small however large it decodes. */
function blackPng(width: number, height: number): Buffer {
  const chunk = (type: string, body: Buffer): Buffer => {
    const typed = Buffer.concat([Buffer.from(type), body]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(body.length, 0);
    frame.writeUInt32BE(checksum(typed), 4);
    return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((Math.ceil(width / 8) + 1) * height));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

function checksum(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test('every way to store a colour comes out as that colour in 8-bit RGB', async (t) => {
  const deep = await sharp(new Uint16Array([51400, 10280, 15420]), { raw: { width: 1, height: 1, channels: 3 } })
    .toColourspace('rgb16')
    .png()
    .toBuffer();
  t.equal((await sharp(deep).metadata()).depth, 'ushort', 'the file really has 16 bits');
  const cmyk = await solid(16, 16).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
  t.equal((await sharp(cmyk).metadata()).space, 'cmyk', 'the file really is CMYK');
  const files: Record<string, [Buffer, number]> = {
    'PNG of 16 bits': [deep, 1],
    'PNG with a palette': [await solid(4, 4).png({ palette: true }).toBuffer(), 1],
    'opaque PNG with alpha': [
      await solid(4, 4, { ...red, alpha: 1 }, 4)
        .png()
        .toBuffer(),
      1,
    ],
    'lossless WebP': [await solid(4, 4).webp({ lossless: true }).toBuffer(), 1],
    'TIFF with LZW': [await solid(4, 4).tiff({ compression: 'lzw' }).toBuffer(), 1],
    JPEG: [await solid(16, 16).jpeg({ quality: 100 }).toBuffer(), 3],
    'CMYK JPEG': [cmyk, 40],
  };
  for (const [name, [file, tolerance]] of Object.entries(files)) {
    const found = await pixelAt(file);
    t.ok(close(found, [red.r, red.g, red.b], tolerance), `${name}: ${found}`);
  }
});

test('grey of any depth comes out as RGB', async (t) => {
  const grey = (depth: 'uchar' | 'ushort') => {
    const raw = { raw: { width: 2, height: 1, channels: 1 } } as const;
    const source = depth === 'uchar' ? sharp(new Uint8Array([10, 200]), raw) : sharp(new Uint16Array([10 * 257, 200 * 257]), raw);
    return source
      .toColourspace(depth === 'uchar' ? 'b-w' : 'grey16')
      .png()
      .toBuffer();
  };
  for (const file of [await grey('uchar'), await grey('ushort')]) {
    t.equal((await sharp(file).metadata()).channels, 1, 'the file really is grey');
    t.same(
      [await pixelAt(file, 0), await pixelAt(file, 1)],
      [
        [10, 10, 10],
        [200, 200, 200],
      ],
    );
  }
  const fax = await sharp(new Uint8Array(64).fill(255, 32), { raw: { width: 8, height: 8, channels: 1 } })
    .toColourspace('b-w')
    .tiff({ compression: 'ccittfax4', bitdepth: 1 })
    .toBuffer();
  t.same(
    [await pixelAt(fax, 0, 0), await pixelAt(fax, 0, 7)],
    [
      [0, 0, 0],
      [255, 255, 255],
    ],
  );
});

test('what is transparent lies on white', async (t) => {
  t.same(await pixelAt(await solid(4, 4, { r: 0, g: 0, b: 0, alpha: 0 }, 4).png().toBuffer()), [255, 255, 255]);
  const greyAlpha = await sharp(new Uint8Array([0, 0, 0, 255]), { raw: { width: 2, height: 1, channels: 2 } })
    .png()
    .toBuffer();
  t.same(
    [await pixelAt(greyAlpha, 0), await pixelAt(greyAlpha, 1)],
    [
      [255, 255, 255],
      [0, 0, 0],
    ],
  );
});

test('an image is turned upright by its EXIF orientation', async (t) => {
  const left = await solid(20, 10, '#000000')
    .composite([{ input: await solid(10, 10, '#ffffff').png().toBuffer(), left: 0, top: 0 }])
    .jpeg({ quality: 100 })
    .withMetadata({ orientation: 6 })
    .toBuffer();
  const image = await openImage(left);
  t.match({ width: image.width, height: image.height }, { width: 10, height: 20 });
  t.ok(close(await pixelAt(left, 5, 2), [255, 255, 255], 8), 'the left half is on top now');
  t.ok(close(await pixelAt(left, 5, 17), [0, 0, 0], 8));
});

test('only the first frame of an animation is looked at', async (t) => {
  const frames = await sharp([await solid(4, 4, '#0a0b0c').png().toBuffer(), await solid(4, 4, '#ffffff').png().toBuffer()], {
    join: { animated: true },
  })
    .webp({ lossless: true })
    .toBuffer();
  t.equal((await sharp(frames).metadata()).pages, 2, 'the file really has two');
  t.match({ height: (await openImage(frames)).height }, { height: 4 });
  t.same(await pixelAt(frames), [10, 11, 12]);
});

test('a resized image has exactly the size asked for', async (t) => {
  const image = await openImage(await solid(30, 20).png().toBuffer());
  for (const [width, height] of [
    [64, 64],
    [7, 3],
  ] as const) {
    const small = await image.resize(width, height);
    t.match(small, { width, height, channels: 3 });
    t.equal(small.data.length, width * height * 3);
    t.ok(close([...small.data.subarray(0, 3)], [red.r, red.g, red.b], 1));
  }
});

test('a part is inside its image, in whole pixels', async (t) => {
  const image = await openImage(await solid(40, 30).png().toBuffer());
  const part = image.part({ left: 10, top: 10, width: 20, height: 20 });
  for (const [left, top] of [
    [35, 0],
    [-1, 0],
    [0, 27],
    [0.5, 0],
    [0, Number.NaN],
  ] as const) {
    // biome-ignore format: a table
    t.throws(() => image.part({ left, top, width: 6, height: 4 }), { code: 'SHOAL_INTERNAL' }, `at ${left}, ${top}`);
  }
  t.throws(() => image.part({ left: 0, top: 0, width: 0, height: 4 }), { code: 'SHOAL_INTERNAL' });
  t.throws(() => part.part({ left: 15, top: 0, width: 6, height: 4 }), { code: 'SHOAL_INTERNAL' }, 'inside the image is not enough');
  const kept = image.part({ left: 5, top: 5, width: 6, height: 4 });
  t.same((await kept.resize(6, 4)).data, new Uint8Array((await kept.pixels()).data), 'at its own size nothing is resampled');
});

test("the caller owns what a resize gives, at the image's own size too", async (t) => {
  const image = await openImage(await solid(8, 8).png().toBuffer());
  (await image.resize(8, 8)).data.fill(0);
  t.not((await image.pixels()).data[0], 0);
});

test('what cannot be decoded whole is refused with a reason', async (t) => {
  const noise = sharp({
    create: { width: 200, height: 200, channels: 3, background: red, noise: { type: 'gaussian', mean: 128, sigma: 60 } },
  });
  const jpeg = await noise.clone().jpeg().toBuffer();
  const png = await noise.clone().png().toBuffer();
  const webp = await noise.clone().webp().toBuffer();
  const tiff = await noise.clone().tiff({ compression: 'lzw' }).toBuffer();
  const bad: Record<string, Uint8Array> = {
    'a JPEG cut in half': jpeg.subarray(0, jpeg.length / 2),
    'a PNG cut in half': png.subarray(0, png.length / 2),
    'a WebP cut in half': webp.subarray(0, webp.length / 2),
    'a TIFF cut in half': tiff.subarray(0, tiff.length / 2),
    'no bytes': new Uint8Array(0),
    text: Buffer.from('this is not an image'),
    'an SVG': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'),
    'a PDF': Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n'),
    'a GIF': await solid(4, 4).gif().toBuffer(),
    'an AVIF': await solid(16, 16).avif({ effort: 0 }).toBuffer(),
  };
  for (const [name, file] of Object.entries(bad)) {
    await t.rejects(openImage(file), { code: 'CAPTURE_DECODE', message: /^the image cannot be decoded: ./ }, name);
  }
});

test('an image too large is refused before it is decoded', async (t) => {
  for (const [width, height] of [
    [16_384, 16_384],
    [8_001, 8_000],
    [16_001, 1],
  ] as const) {
    const bomb = blackPng(width, height);
    const rssBefore = process.memoryUsage.rss();
    const began = performance.now();
    await t.rejects(openImage(bomb), { code: 'CAPTURE_TOO_LARGE', message: /limit|million/ }, `${width} x ${height}, ${bomb.length} bytes`);
    t.ok(performance.now() - began < 1000, 'fast');
    t.ok(process.memoryUsage.rss() - rssBefore < 40e6, 'without the memory it would take');
  }
  t.equal((await openImage(blackPng(16_000, 8))).width, 16_000, 'such a file decodes within the limits');
});

test('pages scanned in one bit and photos decode as what they show', {
  skip: data === undefined ? 'SHOAL_TEST_DATA is not set' : false,
}, async (t) => {
  const page = await openImage(await readFile(path.join(data ?? '', 'data/ocr_pages/phototest.tif')));
  const { data: bytes, channels } = await page.pixels();
  t.match({ channels, width: page.width, height: page.height }, { channels: 3, width: 640, height: 480 });
  t.equal(bytes.length, 640 * 480 * 3);
  const mean = bytes.reduce((sum, value) => sum + value, 0) / bytes.length;
  t.ok(mean > 180 && mean < 254, `mostly white paper: ${mean}`);
  t.ok(bytes.includes(0), 'with black print');
  const photo = await openImage(await readFile(path.join(data ?? '', 'samples/astronaut.png')));
  t.match({ width: photo.width, height: photo.height }, { width: 512, height: 512 });
});

test('a part of an image is what a file of that part would be', async (t) => {
  const area = { left: 131, top: 77, width: 183, height: 240 };
  const whole = await openImage(await readFile('samples/astronaut.png'));
  const part = whole.part(area);
  const file = await openImage(await sharp('samples/astronaut.png').extract(area).png().toBuffer());
  t.same([part.width, part.height], [183, 240]);
  t.same((await part.pixels()).data, Buffer.from((await file.pixels()).data));
  t.equal(await part.pixels(), await part.pixels(), 'copied once');
  for (const kernel of ['linear', 'cubic'] as const) t.same(await part.resize(96, 64, kernel), await file.resize(96, 64, kernel), kernel);
  t.same(await part.part({ left: 3, top: 5, width: 2, height: 1 }).pixels(), {
    width: 2,
    height: 1,
    channels: 3,
    data: (await whole.part({ left: 134, top: 82, width: 2, height: 1 }).pixels()).data,
  });
});
