/**
 * Keeping: which captures of an input leave a copy, for how long, and what is hidden before anybody sees a picture.
 *
 * Guarantees: nothing is kept unless an operator says so, and what cannot be redacted where redaction is asked for is not kept.
 * Pure. Copies are made in an engine (engine/copy.ts), decided on by the corridor (flow/keeper.ts) and held as files (store/kept-files.ts).
 */
import type { ModelChoice } from './pipeline.js';
import type { Point } from './result.js';

/** `events`: a capture with which an event began, and the best of the event; `sample`: one now and then. */
export const keepModes = ['none', 'events', 'sample'] as const;

export type KeepMode = (typeof keepModes)[number];

/** 3 to `limits.zonePointsMax` corners; 0..1 of the picture after EXIF rotation, x to the right, y down. */
export type Polygon = readonly Readonly<Point>[];

/** Where an operator says nothing. */
export const keepDefaults = { keep_days: 7, keep_mib: 64, keep_every_ms: 600_000 } as const;

/** The keys of an input, as in the file. */
export interface KeepConfig {
  readonly keep?: KeepMode | undefined;
  readonly keep_every_ms?: number | undefined;
  readonly keep_days?: number | undefined;
  readonly keep_mib?: number | undefined;
  readonly redact?: { readonly faces?: 'blur' | undefined; readonly mask?: readonly Polygon[] | undefined } | undefined;
}

/** Of one input. Days and bytes bound what lies on the disk of it. */
export interface KeepRules {
  readonly mode: KeepMode;
  /** `sample`: at most one capture in this time (ms). */
  readonly everyMs: number;
  readonly days: number;
  readonly bytesMax: number;
  readonly hideFaces: boolean;
  readonly mask: readonly Polygon[];
}

export function keepRules({ keep, keep_every_ms, keep_days, keep_mib, redact }: KeepConfig): KeepRules {
  return {
    mode: keep ?? 'none',
    everyMs: keep_every_ms ?? keepDefaults.keep_every_ms,
    days: keep_days ?? keepDefaults.keep_days,
    bytesMax: (keep_mib ?? keepDefaults.keep_mib) * 1024 * 1024,
    hideFaces: redact?.faces === 'blur',
    mask: redact?.mask ?? [],
  };
}

/** Asks an engine for a copy of a capture that may be kept or shown. */
export interface CopyWish {
  /** Faces that this model finds are made unrecognizable; null where nobody asked for that. */
  readonly faces: ModelChoice | null;
  /** What is no picture is not copied: it cannot be redacted. */
  readonly picturesOnly: boolean;
}

/** A copy: of a picture a JPEG of at most `limits.pictureBytesMax`, upright and without metadata; of anything else its bytes as they are. */
export interface Copy {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  /** How many faces were hidden in it. */
  readonly faces: number;
}

/** A copy on the disk. Its id is the capture's. */
export interface KeptRow {
  readonly id: string;
  readonly input: string;
  readonly mediaType: string;
  readonly bytes: number;
  /** RFC 3339: when it was kept. */
  readonly keptAt: string;
}

export interface KeptItem {
  readonly id: string;
  readonly input: string;
  /** RFC 3339; its day is the folder's name. */
  readonly capturedAt: string;
  readonly copy: Copy;
}

/** What a purge takes away, or would. */
export interface PurgeCount {
  readonly kept_files: number;
  readonly kept_bytes: number;
  readonly results: number;
  /** Messages of events. */
  readonly events: number;
  /** Results and messages of events that are left because a sink is still owed them. */
  readonly left_owed: number;
  /** Deliveries that were owed and are given up. */
  readonly given_up: number;
  readonly quarantine: number;
}

export interface PurgeRequest {
  readonly input: string;
  /** Milliseconds since 1970: what is older goes. */
  readonly beforeMs: number;
  /** Also what a sink is still owed. */
  readonly owed: boolean;
  /** Only counts. */
  readonly dryRun: boolean;
}

export type StorePurge = Omit<PurgeCount, 'kept_files' | 'kept_bytes'>;
