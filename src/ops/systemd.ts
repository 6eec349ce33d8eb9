/**
 * Talks to systemd: ready, stopping, status, and the watchdog.
 *
 * Guarantees: the watchdog is fed only when `alive()` says yes at that moment, every half of WATCHDOG_USEC, so it stops with the progress
 * and not with the process; nothing here ever throws or blocks, and all of it is silent without systemd. Node cannot open datagram
 * sockets: `bin/shoal-notify` connects one and leaves its descriptor in SHOAL_NOTIFY_FD. Protocol: sd_notify(3), sd_watchdog_enabled(3).
 */
import { fstatSync, writeSync } from 'node:fs';
import type { Log } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';

export interface NotifierDeps {
  readonly log: Log;
  /** Reasons why the daemon does not live; empty when it does. Asked before each ping. */
  readonly stalled: () => readonly string[];
  /** What `takeNotifyEnv` took. */
  readonly env: NotifyEnv;
}

const names = ['SHOAL_NOTIFY_FD', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

export type NotifyEnv = Partial<Record<(typeof names)[number], string>>;

/** How systemd is reached, taken out of an environment, so that no child takes it for its own. A process does so once, whoever it starts. */
export function takeNotifyEnv(env: NodeJS.ProcessEnv = process.env): NotifyEnv {
  const taken: NotifyEnv = {};
  for (const name of names) {
    const value = env[name];
    if (value !== undefined) taken[name] = value;
    delete env[name];
  }
  return taken;
}

/** systemd shows the first line only, and a long one is no status. */
const statusCharsMax = 200;

export class SystemdNotifier {
  readonly #log: Log;
  readonly #stalled: () => readonly string[];
  readonly #env: NotifyEnv;
  #fd: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #status = '';

  constructor(deps: NotifierDeps) {
    this.#log = deps.log.child({ part: 'systemd' });
    this.#stalled = deps.stalled;
    this.#env = deps.env;
  }

  /** Whether systemd listens. */
  get active(): boolean {
    return this.#fd !== null;
  }

  start(): void {
    const fd = descriptor(this.#env.SHOAL_NOTIFY_FD);
    const watchdogMs = watchdogPeriodMs(this.#env);
    if (fd === null) return;
    this.#fd = fd;
    if (watchdogMs !== null) this.#timer = setInterval(() => this.#ping(), watchdogMs / 2);
  }

  ready(status: string): void {
    this.#status = status;
    this.#send(`READY=1\nSTATUS=${oneLine(status)}`);
  }

  /** Sent on change only. */
  status(status: string): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#send(`STATUS=${oneLine(status)}`);
  }

  /** Says goodbye; the watchdog is fed on until `stop`, as long as the drain makes progress. */
  stopping(): void {
    this.#send('STOPPING=1\nSTATUS=stopping');
  }

  /** Says that a stop is followed by a start in the same process (sd_notify(3), RELOADING=1): `ready` of the next one ends it. */
  reloading(): void {
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}\nSTATUS=reloading`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#fd = null;
  }

  #ping(): void {
    const stalled = this.#stalled();
    if (stalled.length === 0) this.#send('WATCHDOG=1');
    else this.#log.error({ reasons: stalled }, 'no progress: the watchdog is not fed, systemd will restart the daemon');
  }

  #send(message: string): void {
    if (this.#fd === null) return;
    try {
      writeSync(this.#fd, message);
    } catch (error) {
      this.#log.warn({ reason: reasonOf(error) }, 'systemd could not be told; the daemon goes on');
    }
  }
}

/** Only a socket is written to: a descriptor number that outlived its meaning may be a file by now. */
function descriptor(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,6}$/.test(text)) return null;
  try {
    return fstatSync(Number(text)).isSocket() ? Number(text) : null;
  } catch {
    return null;
  }
}

function watchdogPeriodMs(env: NotifyEnv): number | null {
  const forAnother = env.WATCHDOG_PID !== undefined && env.WATCHDOG_PID !== String(process.pid);
  const microseconds = Number(env.WATCHDOG_USEC);
  return forAnother || !Number.isFinite(microseconds) || microseconds < 1000 ? null : microseconds / 1000;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, statusCharsMax);
}
