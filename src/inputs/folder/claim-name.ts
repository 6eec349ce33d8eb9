/**
 * The name of a claimed file: the durable header and attempt journal of a capture (law 5).
 *
 *   01jabc…_3_71_s_00b_my%20scan.png
 *   id      | | |  ||| original name: bytes outside A-Z a-z 0-9 . _ - as %XX
 *   boot ---+ | |  ||+-- state: w waiting, b may have been in a batch, s running alone
 *   seq ------+ |  |+--- deaths of the core while it ran alone, 0..9
 *   clock ------+  +---- crashes of an engine while it ran alone, 0..9
 *               s synchronized, u not
 *
 * Guarantees: plain ASCII, at most 255 bytes, and parsing gives back what was formatted, but for an original name
 * too long to fit, which is cut before its extension.
 */
import { TextDecoder } from 'node:util';

type ClaimState = 'w' | 'b' | 's';

export interface ClaimName {
  readonly id: string;
  readonly boot: number;
  readonly seq: number;
  readonly clockSynced: boolean;
  readonly crashes: number;
  readonly deaths: number;
  readonly state: ClaimState;
  /** The name as the file had it in the folder, raw bytes. */
  readonly original: Buffer;
}

/** NAME_MAX of Linux, in bytes. */
const nameBytesMax = 255;
/** An extension longer than this is part of the name. */
const extensionBytesMax = 16;

export function formatClaimName(claim: ClaimName): string {
  const counts = `${Math.min(9, claim.crashes)}${Math.min(9, claim.deaths)}`;
  const head = `${claim.id}_${claim.boot}_${claim.seq}_${claim.clockSynced ? 's' : 'u'}_${counts}${claim.state}_`;
  return head + escapeName(claim.original, nameBytesMax - head.length);
}

const pattern = /^([0-9a-z]{26})_(\d{1,10})_(\d{1,16})_([su])_(\d)(\d)([wbs])_((?:[A-Za-z0-9._-]|%[0-9A-F]{2})*)$/;

/** Null for a name that is not one of ours. */
export function parseClaimName(text: string): ClaimName | null {
  const found = pattern.exec(text);
  if (found === null) return null;
  const [, id = '', boot, seq, clock, crashes, deaths, state, escaped = ''] = found;
  return {
    id,
    boot: Number(boot),
    seq: Number(seq),
    clockSynced: clock === 's',
    crashes: Number(crashes),
    deaths: Number(deaths),
    state: state as ClaimState,
    original: unescapeName(escaped),
  };
}

/** Which name comes first: (boot, seq). */
export function byClaimOrder(a: Pick<ClaimName, 'boot' | 'seq'>, b: Pick<ClaimName, 'boot' | 'seq'>): number {
  return a.boot - b.boot || a.seq - b.seq;
}

function escapeName(name: Buffer, room: number): string {
  const [stem, extension] = splitExtension(name).map((part) => [...part].map(escapeByte)) as [string[], string[]];
  const kept = extension.join('').length <= room / 2 ? extension.join('') : '';
  let text = '';
  for (const unit of stem) {
    if (text.length + unit.length + kept.length > room) break;
    text += unit;
  }
  return text + kept;
}

function escapeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9._-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function unescapeName(escaped: string): Buffer {
  return Buffer.from(
    escaped.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

/** `[stem, extension with its dot]`; the extension is empty for a dot file, or when it is too long to be one. */
function splitExtension(name: Buffer): [Buffer, Buffer] {
  const dot = name.lastIndexOf(0x2e);
  const at = dot > 0 && name.length - dot <= extensionBytesMax ? dot : name.length;
  return [name.subarray(0, at), name.subarray(at)];
}

/** The name with `addition` before its extension, cut so that it and a later `more` bytes still fit. */
export function extendName(name: Buffer, addition: string, more = 0): Buffer {
  const [stem, extension] = splitExtension(name);
  const room = nameBytesMax - more - extension.length - addition.length;
  return Buffer.concat([stem.subarray(0, room), Buffer.from(addition), extension]);
}

/** What a person may be shown: lossy UTF-8, control and direction characters escaped, at most 255 characters. */
export function displayName(name: Uint8Array): string {
  const text = new TextDecoder('utf-8').decode(name).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter);
  return text.length <= 255 ? text : `${text.slice(0, 254).replace(/[\ud800-\udbff]$/, '')}…`;
}

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };

function escapeCharacter(character: string): string {
  return shortEscapes[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
