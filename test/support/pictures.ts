/** Small real pictures for the corridor: a face, and none. */
import sharp from 'sharp';

export interface Picture {
  readonly extension: string;
  readonly bytes: Buffer;
}

/** A few kilobytes each, so that a run of hundreds costs processes and not pixels. */
export async function smallPictures(): Promise<Picture[]> {
  const astronaut = sharp('samples/astronaut.png').extract({ left: 120, top: 0, width: 256, height: 256 }).removeAlpha();
  const sign = sharp('samples/sign.jpg').resize(200);
  return [
    { extension: 'jpg', bytes: await astronaut.clone().jpeg({ quality: 80 }).toBuffer() },
    { extension: 'png', bytes: await astronaut.clone().resize(128).png().toBuffer() },
    { extension: 'jpg', bytes: await sign.clone().jpeg({ quality: 80 }).toBuffer() },
    { extension: 'webp', bytes: await sign.clone().webp().toBuffer() },
  ];
}
