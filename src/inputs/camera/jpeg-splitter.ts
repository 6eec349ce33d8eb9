/**
 * A stream of JPEG pictures, one after the other, cut into pictures.
 *
 * Guarantees: only whole pictures come out, each from its SOI to its EOI marker (ITU-T T.81, annex B), as a copy that the receiver owns; what a
 * thumbnail in a header holds is not taken for an end. At most `mostBytes` and what came last are held: a picture above is dropped. Bytes between
 * pictures are passed over. Does not look at what a picture shows, nor whether its scan decodes.
 */

export interface SplitterEars {
  onPicture(bytes: Buffer): void;
  /** It was begun and will never be whole, or is larger than may be. */
  onDropped(reason: 'half' | 'too_large'): void;
}

const soi = Buffer.from([0xff, 0xd8, 0xff]);
const [restartFirst, restartLast, startOfImage, endOfImage, startOfScan] = [0xd0, 0xd7, 0xd8, 0xd9, 0xda];

export class JpegSplitter {
  readonly #mostBytes: number;
  readonly #ears: SplitterEars;
  #held: Buffer = Buffer.alloc(0);
  /** How far the picture at the start of `#held` is understood: up to a marker, or within a scan; 0 while no picture was begun. */
  #at = 0;
  #inScan = false;

  constructor(mostBytes: number, ears: SplitterEars) {
    this.#mostBytes = mostBytes;
    this.#ears = ears;
  }

  push(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    while (this.#begun() && this.#ended()) {
      // The next picture may be there already.
    }
    // What is left of it must not keep all of a pipe's buffer alive.
    if (this.#held.buffer === bytes.buffer) this.#held = Buffer.from(this.#held);
  }

  /** The stream has ended: what is held is half a picture. */
  end(): void {
    if (this.#at > 0) this.#drop('half', this.#held.length);
    this.#held = Buffer.alloc(0);
  }

  /** Whether a picture is at the start of what is held. */
  #begun(): boolean {
    if (this.#at > 0) return true;
    const start = this.#held.indexOf(soi);
    // The last two bytes may be the beginning of one.
    this.#held = this.#held.subarray(start === -1 ? Math.max(0, this.#held.length - 2) : start);
    if (start === -1) return false;
    this.#at = 2;
    return true;
  }

  /** Goes on through the picture; false where more bytes are needed. */
  #ended(): boolean {
    for (;;) {
      const marker = this.#inScan ? this.#passScan() : this.#passSegment();
      if (marker === 'more') {
        if (this.#held.length > this.#mostBytes) this.#drop('too_large', this.#held.length);
        return false;
      }
      if (marker === 'damaged') return this.#drop('half', this.#at);
      // One begins where the last should have ended.
      if (marker === startOfImage) return this.#drop('half', this.#at - 2);
      if (marker === endOfImage) return this.#whole();
      this.#inScan = marker === startOfScan;
    }
  }

  #passSegment(): number | 'more' | 'damaged' {
    const held = this.#held;
    // Fill bytes before a marker are allowed.
    while (held[this.#at] === 0xff && held[this.#at + 1] === 0xff) this.#at++;
    if (this.#at + 4 > held.length) return this.#atEnd();
    if (held[this.#at] !== 0xff) return 'damaged';
    const marker = held[this.#at + 1] ?? 0;
    if (marker === endOfImage || marker === startOfImage) {
      this.#at += 2;
      return marker;
    }
    const end = this.#at + 2 + held.readUInt16BE(this.#at + 2);
    if (end > held.length) return 'more';
    this.#at = end;
    return marker;
  }

  /** A picture's end is two bytes, where every segment is four at least. */
  #atEnd(): number | 'more' {
    if (this.#held[this.#at] !== 0xff || this.#held[this.#at + 1] !== endOfImage) return 'more';
    this.#at += 2;
    return endOfImage;
  }

  /** Up to the next marker that is no restart; in coded data 0xff is followed by 0. */
  #passScan(): number | 'more' | 'damaged' {
    for (;;) {
      const at = this.#held.indexOf(0xff, this.#at);
      this.#at = at === -1 ? this.#held.length : at;
      const code = this.#held[this.#at + 1];
      if (code === undefined) return 'more';
      if (code !== 0 && (code < restartFirst || code > restartLast)) break;
      this.#at += 2;
    }
    // Of a progressive picture: tables and the next scan.
    this.#inScan = false;
    return this.#passSegment();
  }

  #whole(): true {
    const picture = this.#held.subarray(0, this.#at);
    if (picture.length > this.#mostBytes) return this.#drop('too_large', this.#at);
    this.#restart(this.#at);
    this.#ears.onPicture(Buffer.from(picture));
    return true;
  }

  #drop(reason: 'half' | 'too_large', from: number): true {
    this.#restart(from);
    this.#ears.onDropped(reason);
    return true;
  }

  #restart(from: number): void {
    this.#held = this.#held.subarray(from);
    this.#at = 0;
    this.#inScan = false;
  }
}
