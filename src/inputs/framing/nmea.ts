/**
 * Sentences of NMEA 0183: `$GPRMC,...*hh`, from receivers of satellites, wind and depth sensors, AIS.
 *
 * Guarantees: a sentence whose checksum is wrong or missing is none (the exclusive or of all characters between `$` or `!` and `*`, NMEA 0183 4.00,
 * 5.3.1); the talker is told from the formatter. Deliberately interprets no field but positions: what the others mean depends on the sentence.
 */
export interface Sentence {
  /** `GP`, `GN`, `II`, ...; empty for a proprietary sentence. */
  readonly talker: string;
  /** The formatter, `RMC`, `GGA`, `MWV`; of a proprietary sentence all of its address, `PUBX`. */
  readonly kind: string;
  /** After the address; the first is field 1. */
  readonly fields: readonly string[];
}

const longest = 1024;

/** Null for what is no sentence, with `why`. */
export function readSentence(line: string): Sentence | { readonly why: 'no sentence' | 'no checksum' | 'wrong checksum' } {
  if (line.length > longest || !/^[$!][A-Z0-9]{3,16},/.test(line)) return { why: 'no sentence' };
  const end = line.lastIndexOf('*');
  const told = /^\*([0-9A-Fa-f]{2})\s*$/.exec(end < 0 ? '' : line.slice(end));
  if (told === null) return { why: 'no checksum' };
  let sum = 0;
  for (let i = 1; i < end; i++) sum ^= line.charCodeAt(i);
  if (sum !== Number.parseInt(told[1] ?? '', 16)) return { why: 'wrong checksum' };
  const [address = '', ...fields] = line.slice(1, end).split(',');
  if (address.startsWith('P')) return { talker: '', kind: address, fields };
  return { talker: address.slice(0, -3), kind: address.slice(-3), fields };
}

/** Fields of a position: degrees and minutes, and the field after it with the hemisphere. By sentence, the field of the latitude. */
const latitudeAt: Readonly<Record<string, number>> = { RMC: 3, GGA: 2, GLL: 1, GNS: 2 };

/**
 * A number of a sentence: field `4` of it as it stands, or its `lat` or `lon` in degrees, north and east positive. Null where the sentence has none,
 * as a receiver without a fix.
 */
export function sentenceNumber({ kind, fields }: Sentence, wanted: string): number | null {
  if (wanted !== 'lat' && wanted !== 'lon') return numberOf(fields[Number(wanted) - 1]);
  const latitude = latitudeAt[kind];
  if (latitude === undefined) return null;
  const at = latitude - 1 + (wanted === 'lon' ? 2 : 0);
  const match = /^(\d{1,3})(\d\d(?:\.\d+)?)$/.exec(fields[at] ?? '');
  const hemisphere = fields[at + 1] ?? '';
  if (match === null || !/^[NSEW]$/.test(hemisphere)) return null;
  const degrees = Number(match[1]) + Number(match[2]) / 60;
  return hemisphere === 'S' || hemisphere === 'W' ? -degrees : degrees;
}

function numberOf(field: string | undefined): number | null {
  if (field === undefined || !/^[+-]?(\d|\.\d)/.test(field)) return null;
  const value = Number(field);
  return Number.isFinite(value) ? value : null;
}
