/** Commands of our own before those of the system, as long as a test file runs. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A shell script of this name in the folder `bin` of a folder, which comes first on the PATH that commands of inputs see. */
export function onPath(home: string, name: string, script: string): void {
  const folder = join(home, 'bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
  process.env.PATH = [folder, ...(process.env.PATH ?? '').split(':').filter((other) => other !== folder)].join(':');
}

/** A folder of its own; the test runner gives each file a place for them, and removes it. */
export function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'scratch-'));
}

/** Why a test cannot run here, for its `skip`; false where all of the commands are on the PATH. */
export function skipWithout(...commands: string[]): string | false {
  const folders = (process.env.PATH ?? '').split(':');
  const missing = commands.filter((command) => !folders.some((folder) => existsSync(join(folder, command))));
  return missing.length === 0 ? false : `not installed: ${missing.join(', ')} (apt-get install ffmpeg alsa-utils rtsp-server-perl)`;
}
