/**
 * Which hits a person is to judge: drawn at random from the newest results of a pipeline, each with the same chance.
 *
 * Deliberately not more from where scores are low: then the share that is right would not be that of all hits. A hit is a result that was
 * told, or is part of an event, and found something.
 */
import type { Explanation, StoredResult } from '../../core/contracts.js';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { seededRandom } from '../../core/random.js';
import type { Observation, Trace } from '../../core/result.js';
import { nearest } from '../../core/suggest.js';
import { toldInEvent } from '../../flow/report.js';
import { Exit } from '../exit.js';
import { printable } from '../printable.js';
import { observationText } from '../result-text.js';
import type { Audit, Hit } from './audit-file.js';

/** Asks the daemon for a path. */
export type Ask = <Body>(path: string) => Promise<Body>;

export interface Draw {
  readonly pipeline: string;
  readonly input: string | undefined;
  readonly count: number;
  /** Milliseconds since 1970; nothing committed before. */
  readonly sinceMs: number | undefined;
  readonly seed: number;
}

interface Page {
  readonly results: readonly StoredResult[];
  readonly next_before: number | null;
}

/** Throws USAGE for a pipeline there is not, or one that has told nothing. */
export async function drawSample(ask: Ask, draw: Draw): Promise<Audit> {
  const told = await window(ask, draw);
  const oldest = told.at(-1);
  const sample: Hit[] = [];
  let reads = 0;
  for (const row of shuffled(told, draw.seed)) {
    if (sample.length >= draw.count || reads >= draw.count * limits.auditReadsPerHitMax) break;
    reads++;
    const hit = await hitOf(ask, row);
    if (hit !== null) sample.push(hit);
  }
  if (oldest === undefined || sample.length === 0) throw await nothingToAudit(ask, draw, told.length);
  return {
    schema: 'shoal/audit/1',
    pipeline: draw.pipeline,
    input: draw.input ?? null,
    drawn_at: new Date().toISOString(),
    seed: draw.seed,
    from: told.length,
    oldest_at: oldest.committedAt,
    sample,
    answers: {},
  };
}

/** The newest results that were told, newest first. */
async function window(ask: Ask, { pipeline, input, sinceMs = 0 }: Draw): Promise<StoredResult[]> {
  const told: StoredResult[] = [];
  let before: number | null = null;
  for (let seen = 0; seen < limits.auditWindowMax; ) {
    const wanted = new URLSearchParams({ pipeline, limit: String(limits.pageRowsMax) });
    if (input !== undefined) wanted.set('input', input);
    if (before !== null) wanted.set('before', String(before));
    const page: Page = await ask<Page>(`/v1/results?${wanted}`);
    const recent = page.results.filter(({ committedAt }) => Date.parse(committedAt) >= sinceMs);
    told.push(...recent.filter(({ outcome, reason }) => outcome === 'published' || (outcome === 'silent' && reason === toldInEvent)));
    seen += page.results.length;
    before = page.next_before;
    if (before === null || recent.length === 0) break;
  }
  return told;
}

/** In an order that hangs on the seed alone. Source: Fisher & Yates, by Durstenfeld, CACM 1964. */
function shuffled<Item>(all: readonly Item[], seed: number): Item[] {
  const random = seededRandom(seed);
  const items = [...all];
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as Item, items[i] as Item];
  }
  return items;
}

/** Null for a result that found nothing, and for one that retention took away meanwhile. */
async function hitOf(ask: Ask, row: StoredResult): Promise<Hit | null> {
  const explanation = await ask<Explanation>(`/v1/results/${encodeURIComponent(row.id)}`).catch((error: unknown) => {
    if (error instanceof Exit) return null;
    throw error;
  });
  if (explanation === null) return null;
  const payload = JSON.parse(explanation.payload) as {
    readonly capture?: { readonly bytes?: number };
    readonly observations?: Readonly<Record<string, readonly Observation[]>>;
  };
  const all = Object.entries(payload.observations ?? {}).flatMap(([stage, list]) => list.map((each) => ({ stage, each })));
  if (all.length === 0) return null;
  const shown = [...all].sort((a, b) => b.each.score - a.each.score).slice(0, limits.auditShownMax);
  const rest = all.length - shown.length;
  const { stages = [] } = JSON.parse(explanation.trace) as Partial<Trace>;
  return {
    id: row.id,
    at: row.committedAt,
    input: row.input,
    capture: row.captureName,
    bytes: payload.capture?.bytes ?? null,
    score: Math.max(...all.map(({ each }) => each.score)),
    found: [
      ...shown.map(({ stage, each }) => printable(`${stage}: ${observationText(each)}`).slice(0, limits.auditShownCharsMax)),
      ...(rest > 0 ? [`and ${rest} more`] : []),
    ],
    calibrated: stages.some((stage) => stage.calibrated === true || stage.escalated?.calibrated === true),
  };
}

async function nothingToAudit(ask: Ask, { pipeline, input, sinceMs }: Draw, told: number): Promise<ShoalError> {
  const { pipelines } = await ask<{ readonly pipelines: readonly string[] }>('/v1/status');
  if (told > 0)
    return new ShoalError('USAGE', `${pipeline} told ${told} results, and found nothing in those looked at: there is nothing to judge`);
  const where = `${input === undefined ? '' : ` on input ${input}`}${sinceMs === undefined ? '' : ` since ${new Date(sinceMs).toISOString()}`}`;
  if (pipelines.includes(pipeline))
    return new ShoalError('USAGE', `${pipeline} has told nothing${where} that is still stored: there is nothing to judge`);
  const name = nearest(pipeline, pipelines);
  const known = name === null ? `there is ${pipelines.join(', ') || 'none'}` : `did you mean ${name}?`;
  return new ShoalError('USAGE', `the daemon runs no pipeline "${pipeline}", and has no results of it; ${known}`);
}
