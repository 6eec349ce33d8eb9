/**
 * A capture: one thing an input saw, with the header that travels with it to the subscriber.
 *
 * Guarantees: the id and the header of a capture are made once, when an input claims it, and a replayable
 * input brings back the same header after a crash, but for `monoMs`. Deliberately holds no decoded data: pixels and samples
 * exist only inside an engine.
 */

/** What the first bytes say a capture is; `unknown` means that no supported signature was found. `table`: rows of fields, whatever holds them; `series`: a window that an input made. */
export type CaptureKind = 'image' | 'audio' | 'series' | 'text' | 'table' | 'archive' | 'document' | 'unknown';

/**
 * Where a window lies in the stream it was cut from. A window follows another without a gap where its `from` is the other's `to`.
 */
export interface StreamPlace {
  /** Of one unbroken stream: a device that is opened again begins another. `^[A-Za-z0-9_-]{1,64}$` */
  readonly id: string;
  /** Whole numbers, `from < to`: samples since the stream began, or pictures where each is a window of its own. What the device lost counts, so that the loss shows as a gap. */
  readonly from: number;
  readonly to: number;
}

export interface CaptureHeader {
  /** Unique for ever, `^[A-Za-z0-9_-]{1,64}$`; sorts by the time of the claim. */
  readonly id: string;
  /** Name of the input in the configuration. */
  readonly input: string;
  /** What a person calls it (a file name); control characters escaped, at most 255 characters. Never part of a path or topic. */
  readonly name: string;
  readonly kind: CaptureKind;
  /** As sniffed from the content, never from the name; `application/octet-stream` when unknown. */
  readonly mediaType: string;
  readonly bytes: number;
  /** Who of several it came from, where one input hears many: an MQTT topic. As `name` bounded and escaped. */
  readonly source?: string;
  /** It is no news: the broker kept it and gave it to us when we asked (MQTT retained). */
  readonly retained?: true;
  /** For a window of a live stream. Absent where each capture stands for itself: a file, a request, a reading. Never told to subscribers. */
  readonly stream?: StreamPlace;
  /** RFC 3339 UTC with milliseconds: a label, which may be wrong where `clockSynced` is false. */
  readonly capturedAt: string;
  readonly clockSynced: boolean;
  /** The order of captures is (boot, seq). `boot` counts the daemon's starts durably, `seq` counts claims within one. */
  readonly boot: number;
  readonly seq: number;
  /** When it was captured, in ms on the running kernel's monotonic clock; absent for one taken up again after a restart. Never told to subscribers. */
  readonly monoMs?: number;
}

/** Where an engine finds the encoded bytes: by value up to `limits.jobInlineBytesMax`, by path above. The path is private to the daemon. */
export type CaptureContent = { readonly bytes: Uint8Array } | { readonly path: string };

/**
 * The durable record of a replayable capture's attempts, kept by its input (law 5).
 * Each method resolves only when the mark is on disk, and rejects with CAPTURE_CHANGED when the capture's file is gone.
 */
export interface Claim {
  /** A crash may have been this capture's doing: it must run alone. Known at the claim for one found after a crash, and since `markSolo` was called. */
  readonly suspect: boolean;
  /** Why it must be quarantined without running again (too many solo crashes or deaths of the core), for a person; null while it may run. */
  readonly exhausted: string | null;
  /** Marks that the capture is about to run alone in an engine. */
  markSolo(): Promise<void>;
  /** Marks an engine crash during a solo run; answers how many there have been. */
  markCrash(): Promise<number>;
}

export interface Capture {
  readonly header: CaptureHeader;
  /** Read it when the job is built, after any mark: a mark may rename the file. So never copy a capture by spread. */
  readonly content: CaptureContent;
  /** Absent for live captures, which are not journalled. */
  readonly claim?: Claim;
}
