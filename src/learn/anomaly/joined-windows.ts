/**
 * Windows of a live input, one after the other, as the recordings a model is learned from.
 *
 * Guarantees: windows that share samples, or follow each other without a gap, become one stretch in which each sample is once; after whatever was
 * missed another stretch begins. Cut again at the length and hop that were seen, the stretches are the windows that came. Windows of
 * different lengths, rates or channels are refused, since a model is for one kind.
 */
import type { StreamPlace } from '../../core/capture.js';
import { limits } from '../../core/limits.js';
import { channelOf, type Series } from '../../core/series.js';
import { shortNumber } from '../../tasks/series-windows.js';
import { type Recording, refused } from './examples.js';
import { greatest, least, median } from './linear.js';

interface Stretch {
  readonly pieces: Float32Array[][];
  length: number;
  filled: number;
  readonly startMs: number | null;
  last: Series;
  place: StreamPlace | undefined;
}

/** Times are told in whole milliseconds, and by clocks that are set: a window may lie so many (ms) beside where it says. */
const unsureMs = 2;
/** Rates and hops that differ by less are the same. */
const tolerance = 0.02;

export class JoinedWindows {
  readonly #name: string;
  readonly #stretches: Stretch[] = [];
  /** Samples from the start of a window to that of the next. */
  readonly #hops: number[] = [];
  #windows = 0;
  #values = 0;

  /** `name`: what a person calls the input. */
  constructor(name: string) {
    this.#name = name;
  }

  get count(): number {
    return this.#windows;
  }

  /** Whether more would be more than `limits.learnLiveValuesMax`. */
  get full(): boolean {
    return this.#values >= limits.learnLiveValuesMax;
  }

  /** Keeps copies. Throws LEARN_REFUSED for a window without an even rate, or unlike those before. */
  take(series: Series, place?: StreamPlace): void {
    this.#check(series);
    this.#windows += 1;
    const stretch = this.#stretches.at(-1);
    const hop = stretch === undefined ? null : distance(stretch, series, place);
    if (hop !== null && hop.samples > 0) this.#hops.push(hop.samples);
    if (stretch !== undefined && hop?.joined === true) this.#lengthen(stretch, series, hop.samples, place);
    else this.#begin(series, place);
  }

  /** What the input hands over: seconds, and Hz. Throws LEARN_REFUSED where windows come at uneven distances. */
  get window(): { readonly lengthS: number; readonly hopS: number; readonly rateHz: number } {
    const first = this.#stretches[0]?.last;
    if (first === undefined) throw refused(`nothing was heard of ${this.#name}`);
    const rateHz = first.rateHz ?? 1;
    const usual = this.#hops.length === 0 ? first.length : Math.round(median(this.#hops));
    const near = this.#hops.filter((hop) => Math.abs(hop - usual) <= Math.max(1, (unsureMs * rateHz) / 1000, usual * tolerance));
    if (near.length < this.#hops.length / 2) {
      const [shortest, longest] = [least(this.#hops), greatest(this.#hops)].map((hop) => shortNumber(hop / rateHz));
      throw refused(
        `the windows of ${this.#name} begin ${shortest} to ${longest} s after each other: give the input an even window, such as window: { length_ms: 1000, hop_ms: 500 } with rate_hz`,
      );
    }
    return { lengthS: first.length / rateHz, hopS: usual / rateHz, rateHz };
  }

  /** One a stretch. */
  recordings(): readonly Recording[] {
    return this.#stretches.map(({ pieces, length, filled, startMs, last: { channels, rateHz } }) => {
      const data = new Float32Array(channels.length * length);
      let at = 0;
      for (const piece of pieces) {
        for (const [c, samples] of piece.entries()) data.set(samples, c * length + at);
        at += piece[0]?.length ?? 0;
      }
      return { name: this.#name, series: { channels, rateHz, length, data, startMs, filled } };
    });
  }

  #check(series: Series): void {
    if (series.rateHz === null) {
      throw refused(`the windows of ${this.#name} have no even rate, which a model needs: set rate_hz on the input`);
    }
    const first = this.#stretches[0]?.last;
    if (first === undefined) return;
    const differs = (what: string, is: string, was: string): Error =>
      refused(
        `the windows of ${this.#name} vary: ${what} ${is} after ${was}; a model is for windows of one kind: mend the input's window or rate_hz`,
      );
    if (series.channels.join() !== first.channels.join()) throw differs('channels', series.channels.join(', '), first.channels.join(', '));
    if (Math.abs(series.rateHz / (first.rateHz ?? 1) - 1) > tolerance)
      throw differs('a rate of', `${shortNumber(series.rateHz)} Hz`, `${shortNumber(first.rateHz ?? 0)} Hz`);
    if (series.length !== first.length) throw differs('a length of', `${series.length} samples`, `${first.length}`);
  }

  #begin(series: Series, place: StreamPlace | undefined): void {
    const stretch = { pieces: [], length: 0, filled: 0, startMs: series.startMs, last: series, place };
    this.#stretches.push(stretch);
    this.#lengthen(stretch, series, series.length, place);
  }

  #lengthen(stretch: Stretch, series: Series, samples: number, place: StreamPlace | undefined): void {
    const from = series.length - samples;
    stretch.pieces.push(series.channels.map((_, c) => channelOf(series, c).slice(from)));
    stretch.length += samples;
    stretch.filled += Math.round(series.filled * (samples / series.length));
    stretch.last = series;
    stretch.place = place;
    this.#values += samples * series.channels.length;
  }
}

/** Samples from the start of the last window to that of this, and whether they join; null where nobody can tell. */
function distance({ last, place }: Stretch, series: Series, now: StreamPlace | undefined): { samples: number; joined: boolean } | null {
  if (place !== undefined && now !== undefined && place.id === now.id) {
    const samples = now.from - place.from;
    return { samples, joined: samples > 0 && samples <= series.length };
  }
  if (last.startMs === null || series.startMs === null || series.rateHz === null) return null;
  const said = Math.round(((series.startMs - last.startMs) * series.rateHz) / 1000);
  const unsure = Math.ceil((unsureMs * series.rateHz) / 1000);
  // Where they overlap the samples themselves tell how far.
  for (let off = 0; off <= unsure; off++) {
    for (const samples of off === 0 ? [said] : [said - off, said + off])
      if (overlaps(last, series, samples)) return { samples, joined: true };
  }
  const follows = Math.abs(said - series.length) <= unsure;
  return { samples: follows ? series.length : said, joined: follows };
}

function overlaps(last: Series, series: Series, hop: number): boolean {
  if (hop <= 0 || hop >= series.length) return false;
  return series.channels.every((_, c) => {
    const [before, after] = [channelOf(last, c), channelOf(series, c)];
    for (let i = hop; i < before.length; i++) if (before[i] !== after[i - hop]) return false;
    return true;
  });
}
