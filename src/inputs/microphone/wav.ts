/**
 * Samples as a WAV file, for whoever reads sound.
 *
 * Guarantees: PCM, 16 bit, little endian, interleaved (RIFF/WAVE, Multimedia Programming Interface and Data Specifications 1.0). Pure.
 */

export const wavHeadBytes = 44;

/** `pcm` is copied. */
export function wavOf(pcm: Uint8Array, rateHz: number, channels: number): Buffer {
  const wav = Buffer.alloc(wavHeadBytes + pcm.byteLength);
  wav.write('RIFF', 0, 'latin1');
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write('WAVEfmt ', 8, 'latin1');
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(channels, 22);
  wav.writeUInt32LE(rateHz, 24);
  wav.writeUInt32LE(rateHz * channels * 2, 28);
  wav.writeUInt16LE(channels * 2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36, 'latin1');
  wav.writeUInt32LE(pcm.byteLength, 40);
  wav.set(pcm, wavHeadBytes);
  return wav;
}
