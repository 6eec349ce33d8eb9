/**
 * Fetches the values of the secrets a configuration refers to.
 *
 * Guarantees: a value never appears in a problem. A file that everybody may read is refused, whoever asks. With purpose `check` a secret
 * that cannot be read here is a warning: another machine has other credentials.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../core/limits.js';
import { describeReference, Secret } from '../core/secret.js';
import type { PathSegment } from './problem.js';
import { readBounded } from './source-file.js';

export interface SecretTrouble {
  readonly path: readonly PathSegment[];
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint: string;
}

export async function fetchSecrets(
  settings: unknown,
  purpose: 'run' | 'check',
  credentialsDirectory: string | undefined,
): Promise<SecretTrouble[]> {
  const troubles: SecretTrouble[] = [];
  for (const [path, secret] of findSecrets(settings)) {
    const outcome = await fetch(secret, credentialsDirectory);
    if (typeof outcome === 'string') secret.fill(outcome);
    else {
      const severity = purpose === 'check' && outcome.elsewhere ? 'warning' : 'error';
      troubles.push({ path, severity, message: `${describeReference(secret.reference)} ${outcome.message}`, hint: outcome.hint });
    }
  }
  return troubles;
}

/** Where the secrets are; the path is that of the file, in which a part's options stand beside its type. */
export function findSecrets(value: unknown, path: readonly PathSegment[] = []): [readonly PathSegment[], Secret][] {
  if (value instanceof Secret) return [[path.filter((segment, i) => !(segment === 'options' && i === 2)), value]];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => findSecrets(item, [...path, i]));
  return Object.entries(value).flatMap(([key, child]) => findSecrets(child, [...path, key]));
}

interface Failure {
  readonly message: string;
  readonly hint: string;
  /** May be different on the machine that runs it. */
  readonly elsewhere: boolean;
}

async function fetch({ reference }: Secret, credentialsDirectory: string | undefined): Promise<string | Failure> {
  if ('credential' in reference && !credentialsDirectory) {
    return {
      message: 'cannot be read: $CREDENTIALS_DIRECTORY is not set',
      hint: `add LoadCredential=${reference.credential}:/PATH to the service`,
      elsewhere: true,
    };
  }
  const path = 'credential' in reference ? join(credentialsDirectory ?? '', reference.credential) : reference.file;
  if ('file' in reference && (await readableByAll(path))) {
    return { message: 'may be read by everybody on this machine', hint: `chmod o-r ${path}`, elsewhere: false };
  }
  const bytes = await readBounded(path, limits.secretBytesMax);
  if (!(bytes instanceof Uint8Array)) return { ...bytes, elsewhere: true };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch {
    return { message: 'is not UTF-8 text', hint: 'write it as text', elsewhere: false };
  }
  return text === '' ? { message: 'is empty', hint: 'write the secret into it', elsewhere: false } : text;
}

async function readableByAll(path: string): Promise<boolean> {
  try {
    const facts = await stat(path);
    return facts.isFile() && (facts.mode & 0o004) !== 0;
  } catch {
    return false;
  }
}
