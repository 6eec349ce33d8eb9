/**
 * What the first bytes of a file say it is. Pure.
 *
 * Guarantees: never looks at a name, never throws, reads at most what it is given (`limits.sniffBytes` are enough).
 * Deliberately shallow: a signature says what a file claims to be; whether it decodes is for the engine to find out.
 * Signatures as in the formats' own specifications (PNG 3.1, JFIF 1.02, TIFF 6.0, RIFF, ISO 14496-12 `ftyp`, APPNOTE for ZIP).
 */
import type { CaptureKind } from './capture.js';
import { formOf, seriesMediaType } from './form.js';
import { seriesMagic } from './series.js';
import { textType } from './sniff-text.js';

export interface Sniffed {
  readonly kind: CaptureKind;
  readonly mediaType: string;
  /** Whether an engine of this daemon can decode it. */
  readonly readable: boolean;
  /** For a person, with its article: "a PDF document". */
  readonly what: string;
}

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
  mark('image', 'image/heif', 'a HEIF image', [4, 'ftypmif1']),
  mark('image', 'image/x-icon', 'an icon', [0, '\0\0\x01\0'], [5, '\0']),
  mark('image', 'image/vnd.adobe.photoshop', 'a Photoshop image', [0, '8BPS\0']),
  mark('image', 'image/jxl', 'a JPEG XL image', [0, '\0\0\0\x0cJXL ']),
  mark('image', 'image/jp2', 'a JPEG 2000 image', [0, '\0\0\0\x0cjP  ']),
  mark('audio', 'audio/mp4', 'an M4A sound', [4, 'ftypM4A']),
  mark('unknown', 'video/mp4', 'an MP4 film', [4, 'ftyp']),
  mark('audio', 'audio/mpeg', 'an MP3 sound', [0, 'ID3']),
  mark('audio', 'audio/mpeg', 'an MP3 sound', [0, '\xff\xfb']),
  mark('audio', 'audio/mpeg', 'an MP3 sound', [0, '\xff\xf3']),
  mark('audio', 'audio/aac', 'an AAC sound', [0, '\xff\xf1']),
  mark('audio', 'audio/aac', 'an AAC sound', [0, '\xff\xf9']),
  mark('audio', 'audio/amr', 'an AMR sound', [0, '#!AMR']),
  mark('audio', 'audio/midi', 'a MIDI score', [0, 'MThd\0\0\0\x06']),
  mark('audio', 'audio/ogg', 'an Ogg sound', [0, 'OggS']),
  mark('audio', 'audio/flac', 'a FLAC sound', [0, 'fLaC']),
  mark('audio', 'audio/aiff', 'an AIFF sound', [0, 'FORM'], [8, 'AIF']),
  mark('unknown', 'video/x-matroska', 'a Matroska or WebM film', [0, '\x1a\x45\xdf\xa3']),
  mark('unknown', 'video/x-msvideo', 'an AVI film', [0, 'RIFF'], [8, 'AVI ']),
  mark('series', seriesMediaType, 'a series of samples', [0, seriesMagic]),
  mark('table', 'application/vnd.apache.parquet', 'a Parquet table', [0, 'PAR1']),
  mark('table', 'application/vnd.apache.arrow.file', 'an Arrow table', [0, 'ARROW1\0\0']),
  mark('table', 'application/x-hdf5', 'an HDF5 file', [0, '\x89HDF\r\n\x1a\n']),
  mark('table', 'application/x-npy', 'a NumPy array', [0, '\x93NUMPY']),
  mark('table', 'application/vnd.sqlite3', 'an SQLite database', [0, 'SQLite format 3\0']),
  mark('document', 'application/postscript', 'a PostScript document', [0, '%!PS']),
  mark('document', 'application/x-ole-storage', 'an old Office document', [0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1']),
  mark('archive', 'application/gzip', 'a gzip archive', [0, '\x1f\x8b']),
  mark('archive', 'application/x-xz', 'an xz archive', [0, '\xfd7zXZ\0']),
  mark('archive', 'application/zstd', 'a zstd archive', [0, '\x28\xb5\x2f\xfd']),
  mark('archive', 'application/x-bzip2', 'a bzip2 archive', [0, 'BZh'], [4, '1AY&SY']),
  mark('archive', 'application/x-lz4', 'an LZ4 archive', [0, '\x04\x22\x4d\x18']),
  mark('archive', 'application/vnd.ms-cab-compressed', 'a cabinet archive', [0, 'MSCF\0\0\0\0']),
  mark('archive', 'application/vnd.debian.binary-package', 'a Debian package', [0, '!<arch>\ndebian-binary']),
  mark('archive', 'application/x-archive', 'an ar archive', [0, '!<arch>\n']),
  mark('archive', 'application/x-7z-compressed', 'a 7z archive', [0, '7z\xbc\xaf\x27\x1c']),
  mark('archive', 'application/vnd.rar', 'a RAR archive', [0, 'Rar!\x1a\x07']),
  mark('archive', 'application/x-tar', 'a tar archive', [257, 'ustar']),
  mark('unknown', 'application/x-elf', 'a program', [0, '\x7fELF']),
  mark('unknown', 'application/wasm', 'a WebAssembly program', [0, '\0asm']),
  mark('unknown', 'application/vnd.tcpdump.pcap', 'a network trace', [0, '\xd4\xc3\xb2\xa1']),
];

/** What is told by more than a mark. */
const others: readonly Omit<Signature, 'marks'>[] = [
  { kind: 'document', mediaType: 'application/pdf', what: 'a PDF document' },
  { kind: 'document', mediaType: officeType('wordprocessingml.document'), what: 'a Word document' },
  { kind: 'document', mediaType: officeType('spreadsheetml.sheet'), what: 'an Excel document' },
  { kind: 'document', mediaType: officeType('presentationml.presentation'), what: 'a PowerPoint document' },
  { kind: 'document', mediaType: officeType('document'), what: 'an Office document' },
  { kind: 'document', mediaType: 'application/vnd.oasis.opendocument', what: 'an OpenDocument file' },
  { kind: 'document', mediaType: 'application/epub+zip', what: 'an EPUB book' },
  { kind: 'document', mediaType: 'text/rtf', what: 'an RTF document' },
  { kind: 'archive', mediaType: 'application/java-archive', what: 'a Java archive' },
  { kind: 'archive', mediaType: 'application/zip', what: 'a ZIP archive' },
  { kind: 'image', mediaType: 'image/svg+xml', what: 'an SVG drawing' },
  { kind: 'table', mediaType: 'text/csv', what: 'a CSV table' },
  { kind: 'table', mediaType: 'text/tab-separated-values', what: 'a TSV table' },
  { kind: 'table', mediaType: 'application/x-ndjson', what: 'a table of JSON lines' },
  { kind: 'text', mediaType: 'application/json', what: 'a JSON text' },
  { kind: 'text', mediaType: 'text/html', what: 'an HTML page' },
  { kind: 'text', mediaType: 'text/xml', what: 'an XML text' },
  { kind: 'text', mediaType: 'text/plain', what: 'a plain text' },
];

const unknown = { kind: 'unknown', mediaType: 'application/octet-stream', what: 'data of no kind known here' } as const;

const byMediaType = new Map<string, Omit<Signature, 'marks'>>([...signatures, ...others, unknown].map((each) => [each.mediaType, each]));

/** What a media type is called, for a person, with its article: "a PDF document"; the type itself where it is none of those told here. */
export function whatIs(mediaType: string): string {
  return byMediaType.get(mediaType)?.what ?? mediaType;
}

/** The first member, an empty archive, a spanned one. */
const zipMarks = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'];

/** `head` is the start of the file; an empty one is an empty file. */
export function sniff(head: Uint8Array): Sniffed {
  if (head.length === 0) return { ...told(unknown.mediaType), what: 'an empty file' };
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  for (const { kind, mediaType, what, marks } of signatures) {
    if (marks.every(([at, text]) => bytes.startsWith(text, at))) return answer(kind, mediaType, what);
  }
  // A PDF may begin with up to a kilobyte of something else (ISO 32000 annex H).
  if (bytes.slice(0, 1024).includes('%PDF-')) return told('application/pdf');
  if (zipMarks.some((zip) => bytes.startsWith(zip))) return told(zipType(bytes));
  return told(textType(head) ?? unknown.mediaType);
}

function answer(kind: CaptureKind, mediaType: string, what: string): Sniffed {
  return { kind, mediaType, readable: formOf(mediaType) !== null, what };
}

function told(mediaType: string): Sniffed {
  const { kind, what } = byMediaType.get(mediaType) ?? unknown;
  return answer(kind, mediaType, what);
}

/** Office documents are ZIP archives; the names of their first members tell. */
function zipType(bytes: string): string {
  if (bytes.includes('word/')) return officeType('wordprocessingml.document');
  if (bytes.includes('xl/')) return officeType('spreadsheetml.sheet');
  if (bytes.includes('ppt/')) return officeType('presentationml.presentation');
  if (bytes.includes('[Content_Types].xml')) return officeType('document');
  if (bytes.includes('mimetypeapplication/vnd.oasis.opendocument')) return 'application/vnd.oasis.opendocument';
  if (bytes.includes('mimetypeapplication/epub')) return 'application/epub+zip';
  return bytes.includes('META-INF/MANIFEST.MF') ? 'application/java-archive' : 'application/zip';
}

function officeType(name: string): string {
  return `application/vnd.openxmlformats-officedocument.${name}`;
}
