/**
 * `POST /v1/captures/<input>`: a body brought to an input, by any door.
 *
 * Guarantees: 202 only for what the input answered for with an id; a page in a browser cannot bring anything from another site; a caller from
 * another machine needs the input's token, one on this machine as well where the input has one, and one on the unix socket none. The body is
 * never held: it is the input's to read, at the pace of its disk, and what is refused is not read to its end.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Brought, Intake, IntakeAnswer, IntakeRefusal } from '../core/intake.js';
import { limits } from '../core/limits.js';
import { isLoopback } from '../core/loopback.js';
import { sendError, sendJson } from './answers.js';
import { doorFor, giveTime } from './doors.js';
import { fileNameOf } from './file-name.js';
import { intakePath } from './intake-path.js';

export interface IntakePort {
  /** Inputs that take captures from callers, in the order of the configuration. */
  readonly names: readonly string[];
  /** Null while it does not: before it has started, and once it stops. */
  find(input: string): Intake | null;
}

/** Status and, where another try makes sense, after how many seconds. */
const answers: Readonly<Record<IntakeRefusal, { readonly status: number; readonly retryS?: number }>> = {
  empty: { status: 400 },
  torn: { status: 400 },
  too_large: { status: 413 },
  in_progress: { status: 409, retryS: 1 },
  full: { status: 429, retryS: 5 },
  no_space: { status: 507, retryS: 60 },
  unavailable: { status: 503, retryS: 5 },
};

export function addIntakeRoute(app: FastifyInstance, intakes: IntakePort): void {
  // Apart, since here a body of any type is taken as it comes.
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, body, parsed) => parsed(null, body));
    scope.post<{ Params: { input: string } }>(intakePath, (request, reply) => bring(request, reply, request.params.input, intakes));
    done();
  });
}

async function bring(request: FastifyRequest, reply: FastifyReply, input: string, intakes: IntakePort): Promise<FastifyReply> {
  const local = isLocal(request);
  if (isForeignPage(request)) return sendError(reply, 403, 'a page of another site may not bring captures');
  if (!intakes.names.includes(input))
    return sendError(reply, 404, `no input of that name takes captures by HTTP${othersIn(intakes, local)}`);
  const intake = intakes.find(input);
  if (intake === null) return refuse(reply, 'unavailable', 'the daemon is starting or stopping');
  const forbidden = whyForbidden(request, intake, local);
  if (forbidden !== null) return sendError(reply.header('www-authenticate', 'Bearer'), 401, forbidden);
  if (/^multipart\//i.test(request.headers['content-type'] ?? ''))
    return sendError(reply, 415, 'send the bytes of one capture as the body, not a form: curl --data-binary @FILE');
  const key = keyOf(request.headers['idempotency-key']);
  if (key === undefined) return sendError(reply, 400, `Idempotency-Key is one text of 1 .. ${limits.idempotencyKeyChars} characters`);
  const endTime = giveTime(request.raw);
  const answer = await intake.take(broughtBy(request, key));
  endTime();
  return tell(reply, input, answer);
}

/** Names are for callers on this machine. */
function othersIn({ names }: IntakePort, local: boolean): string {
  if (names.length === 0) return ': none does';
  return local ? `; there are: ${names.join(', ')}` : '';
}

function tell(reply: FastifyReply, input: string, answer: IntakeAnswer): FastifyReply {
  if (answer.kind === 'refused') return refuse(reply, answer.refusal, answer.reason);
  const { kind, ...rest } = answer;
  return sendJson(reply, 202, { ...rest, input, repeated: kind === 'repeated' });
}

function refuse(reply: FastifyReply, refusal: IntakeRefusal, reason: string): FastifyReply {
  const { status, retryS } = answers[refusal];
  if (retryS !== undefined) reply.header('retry-after', retryS);
  return sendError(reply, status, reason);
}

function broughtBy({ raw, headers }: FastifyRequest, key: string | null): Brought {
  const length = headers['content-length'];
  return {
    name: fileNameOf(headers),
    key,
    bytes: length === undefined ? null : Number(length),
    body: raw.iterator({ destroyOnReturn: false }),
  };
}

/** Browsers say where a page that posts comes from, and a page cannot keep them from it (Fetch standard, sections 3.2 and 3.7). */
function isForeignPage({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (headers.origin === undefined) return false;
  return URL.canParse(headers.origin) ? new URL(headers.origin).host !== headers.host : true;
}

function isLocal(request: FastifyRequest): boolean {
  return doorFor(request.raw) === 'unix' || isLoopback(request.raw.socket.remoteAddress ?? '');
}

function whyForbidden(request: FastifyRequest, { token }: Intake, local: boolean): string | null {
  if (doorFor(request.raw) === 'unix') return null;
  if (token === null) return local ? null : 'this input takes captures from other machines only once it has a token; see its option token';
  const [, shown = ''] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  return timingSafeEqual(digest(shown), digest(token.reveal())) ? null : 'show the token of this input: Authorization: Bearer TOKEN';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Null where there is none, undefined where it is no key. A structured field is a text in quotes (RFC 9651); many callers leave them out. */
function keyOf(header: string | string[] | undefined): string | null | undefined {
  if (header === undefined) return null;
  if (typeof header !== 'string') return undefined;
  const key = /^"(.*)"$/.exec(header)?.[1]?.replace(/\\(["\\])/g, '$1') ?? header;
  return key.length >= 1 && key.length <= limits.idempotencyKeyChars ? key : undefined;
}
