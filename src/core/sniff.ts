/**
 * What the first bytes of a file say it is. Pure.
 *
 * Guarantees: never looks at a name, never throws, reads at most what it is given (`limits.sniffBytes` are enough).
 * Deliberately shallow: a signature says what a file claims to be; whether it decodes is for the engine to find out.
 * Signatures as in the formats' own specifications (PNG 3.1, JFIF 1.02, TIFF 6.0, RIFF, ISO 14496-12 `ftyp`, APPNOTE for ZIP).
 */
import type { CaptureKind } from './capture.js';

export interface Sniffed {
  readonly kind: CaptureKind;
  readonly mediaType: string;
  /** Whether an engine of this daemon can decode it. */
  readonly readable: boolean;
  /** For a person, with its article: "a PDF document". */
  readonly what: string;
}

/** The media types an engine decodes; everything else is named but not supported. */
export const readableMediaTypes: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/tiff', 'audio/wav']);

interface Signature {
  readonly kind: CaptureKind;
  readonly mediaType: string;
  readonly what: string;
  /** All of these must match: bytes as a latin-1 string at an offset. */
  readonly marks: readonly (readonly [at: number, bytes: string])[];
}

function mark(kind: CaptureKind, mediaType: string, what: string, ...marks: [number, string][]): Signature {
  return { kind, mediaType, what, marks };
}

const signatures: readonly Signature[] = [
  mark('image', 'image/jpeg', 'a JPEG image', [0, '\xff\xd8\xff']),
  mark('image', 'image/png', 'a PNG image', [0, '\x89PNG\r\n\x1a\n']),
  mark('image', 'image/webp', 'a WebP image', [0, 'RIFF'], [8, 'WEBP']),
  mark('image', 'image/tiff', 'a TIFF image', [0, 'II*\0']),
  mark('image', 'image/tiff', 'a TIFF image', [0, 'MM\0*']),
  mark('audio', 'audio/wav', 'a WAV sound', [0, 'RIFF'], [8, 'WAVE']),
  mark('image', 'image/gif', 'a GIF image', [0, 'GIF8']),
  mark('image', 'image/bmp', 'a BMP image', [0, 'BM'], [6, '\0\0\0\0']),
  mark('image', 'image/avif', 'an AVIF image', [4, 'ftypavi']),
  mark('image', 'image/heic', 'a HEIC image', [4, 'ftyphei']),
  mark('image', 'image/heic', 'a HEIC image', [4, 'ftyphev']),
  mark('image', 'image/heic', 'a HEIF image', [4, 'ftypmif1']),
  mark('image', 'image/jxl', 'a JPEG XL image', [0, '\0\0\0\x0cJXL ']),
  mark('image', 'image/jp2', 'a JPEG 2000 image', [0, '\0\0\0\x0cjP  ']),
  mark('audio', 'audio/mp4', 'an M4A sound', [4, 'ftypM4A']),
  mark('unknown', 'video/mp4', 'an MP4 film', [4, 'ftyp']),
  mark('audio', 'audio/mpeg', 'an MP3 sound', [0, 'ID3']),
  mark('audio', 'audio/mpeg', 'an MP3 sound', [0, '\xff\xfb']),
  mark('audio', 'audio/mpeg', 'an MP3 sound', [0, '\xff\xf3']),
  mark('audio', 'audio/ogg', 'an Ogg sound', [0, 'OggS']),
  mark('audio', 'audio/flac', 'a FLAC sound', [0, 'fLaC']),
  mark('audio', 'audio/aiff', 'an AIFF sound', [0, 'FORM'], [8, 'AIF']),
  mark('document', 'application/x-ole-storage', 'an old Office document', [0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1']),
  mark('archive', 'application/gzip', 'a gzip archive', [0, '\x1f\x8b']),
  mark('archive', 'application/x-xz', 'an xz archive', [0, '\xfd7zXZ\0']),
  mark('archive', 'application/zstd', 'a zstd archive', [0, '\x28\xb5\x2f\xfd']),
  mark('archive', 'application/x-bzip2', 'a bzip2 archive', [0, 'BZh'], [4, '1AY&SY']),
  mark('archive', 'application/x-7z-compressed', 'a 7z archive', [0, '7z\xbc\xaf\x27\x1c']),
  mark('archive', 'application/vnd.rar', 'a RAR archive', [0, 'Rar!\x1a\x07']),
  mark('archive', 'application/x-tar', 'a tar archive', [257, 'ustar']),
  mark('unknown', 'application/x-elf', 'a program', [0, '\x7fELF']),
];

/** The first member, an empty archive, a spanned one. */
const zipMarks = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'];

/** `head` is the start of the file; an empty one is an empty file. */
export function sniff(head: Uint8Array): Sniffed {
  if (head.length === 0) return answer('unknown', 'application/octet-stream', 'an empty file');
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  for (const { kind, mediaType, what, marks } of signatures) {
    if (marks.every(([at, text]) => bytes.startsWith(text, at))) return answer(kind, mediaType, what);
  }
  // A PDF may begin with up to a kilobyte of something else (ISO 32000 annex H).
  if (bytes.slice(0, 1024).includes('%PDF-')) return answer('document', 'application/pdf', 'a PDF document');
  if (zipMarks.some((zip) => bytes.startsWith(zip))) return sniffZip(bytes);
  return sniffText(head, bytes) ?? answer('unknown', 'application/octet-stream', 'data of no kind known here');
}

function answer(kind: CaptureKind, mediaType: string, what: string): Sniffed {
  return { kind, mediaType, readable: readableMediaTypes.has(mediaType), what };
}

/** Office documents are ZIP archives; the names of their first members tell. */
function sniffZip(bytes: string): Sniffed {
  if (bytes.includes('word/')) return answer('document', officeType('wordprocessingml.document'), 'a Word document');
  if (bytes.includes('xl/')) return answer('document', officeType('spreadsheetml.sheet'), 'an Excel document');
  if (bytes.includes('ppt/')) return answer('document', officeType('presentationml.presentation'), 'a PowerPoint document');
  if (bytes.includes('[Content_Types].xml')) return answer('document', officeType('document'), 'an Office document');
  if (bytes.includes('mimetypeapplication/vnd.oasis.opendocument'))
    return answer('document', 'application/vnd.oasis.opendocument', 'an OpenDocument file');
  if (bytes.includes('mimetypeapplication/epub')) return answer('document', 'application/epub+zip', 'an EPUB book');
  return answer('archive', 'application/zip', 'a ZIP archive');
}

function officeType(name: string): string {
  return `application/vnd.openxmlformats-officedocument.${name}`;
}

function sniffText(head: Uint8Array, bytes: string): Sniffed | null {
  if (/^(\xff\xfe|\xfe\xff)/.test(bytes)) return answer('text', 'text/plain', 'a text in UTF-16');
  if (!isUtf8Text(head)) return null;
  const start = bytes.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (/^<(\?xml|!DOCTYPE|!--|svg)/i.test(start) && /<svg[\s>]/i.test(start)) return answer('image', 'image/svg+xml', 'an SVG drawing');
  if (/^<(!DOCTYPE html|html|head|body)[\s>]/i.test(start)) return answer('text', 'text/html', 'an HTML page');
  if (start.startsWith('<?xml')) return answer('text', 'text/xml', 'an XML text');
  return answer('text', 'text/plain', 'a plain text');
}

/** Valid UTF-8 (a character may be cut at the very end) without the control characters that no text has. */
function isUtf8Text(head: Uint8Array): boolean {
  for (const byte of head) {
    const control = byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte !== 0x1b;
    if (control || byte === 0x7f) return false;
  }
  try {
    // `stream` keeps a cut last character back instead of refusing it.
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
