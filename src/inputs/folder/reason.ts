/** The text of a reason file: what was found, what was expected, what to do. Written for the person who finds the file in `failed/`. */
import type { SettledOutcome } from '../../core/receipt.js';
import type { FolderCapture } from './folder-capture.js';
import type { Refusal } from './look.js';
import type { FolderOptions } from './options.js';

const found: Readonly<Record<Refusal, string>> = {
  symlink: 'It is a symbolic link. Links are never followed, for they may lead to any file of this machine.',
  fifo: 'It is a named pipe, which has no content of its own.',
  socket: 'It is a socket, which has no content.',
  device: 'It is a device, which must not be read as a file.',
  hard_link: 'The file has another name elsewhere (a hard link), so its content may change or belong to someone else.',
  empty: 'The file is empty: it has zero bytes. Its writer may have died, or the disk was full.',
  too_large: 'The file is too large for this input.',
  directory: 'It is a folder.',
  unreadable: "The daemon's user may not read the file.",
  stray: 'It lay among the files the daemon was working on, and the daemon did not put it there.',
};

const advice: Readonly<Record<Refusal, string>> = {
  symlink: 'Copy the file itself into the folder.',
  fifo: 'Put a regular file into the folder.',
  socket: 'Put a regular file into the folder.',
  device: 'Put a regular file into the folder.',
  hard_link: 'Copy the file instead of linking it, or remove its other name.',
  empty: 'Put the file into the folder again, complete.',
  too_large: 'Make it smaller, or raise max_bytes of this input in the configuration.',
  directory: 'Put the files themselves into the folder.',
  unreadable: 'Give the daemon read permission, then put the file into the folder again.',
  stray: 'Hand it in as this input takes files.',
};

export function refusalText(name: string, refusal: Refusal, options: FolderOptions): string {
  const expected = `A regular file with one name, between 1 and ${options.max_bytes} bytes.`;
  return page(name, 'was not taken', found[refusal], expected, advice[refusal]);
}

/** Why a captured file ended in `failed/`, pipeline by pipeline. */
export function failureText(capture: FolderCapture, outcomes: readonly SettledOutcome[]): string {
  const { header, sniffed } = capture;
  const lines = outcomes.map(({ pipeline, outcome, reason }) => `  ${pipeline}: ${outcome}${reason === undefined ? '' : `, ${reason}`}`);
  const expected = sniffed.readable
    ? 'A complete file that every pipeline asked for it can work on.'
    : 'An image (JPEG, PNG, WebP, TIFF), a sound (WAV, FLAC, Ogg), a table of numbers (CSV, TSV, JSON lines) or a text. The content decides, not the name.';
  const todo = sniffed.readable
    ? 'Look at the file with another program. If it is good, hand it in again; if it fails again, the reason above says where.'
    : 'Convert the file to one of these kinds, or take a pipeline that wants it into the configuration.';
  const what = `It is ${sniffed.what} (${header.mediaType}) of ${header.bytes} bytes.`;
  const foot = [
    '',
    `What the pipelines said:`,
    ...(lines.length > 0 ? lines : ['  none wanted it']),
    '',
    `Capture ${header.id}, taken ${header.capturedAt}.`,
  ];
  return page(header.name, 'could not be worked on', what, expected, todo, foot);
}

export function changedText(capture: FolderCapture): string {
  const what = 'The file was written to after it had been taken, so the results are about an earlier state of it.';
  const todo =
    'Let the writer use another name (.part) and rename the finished file, or raise settle_ms of this input. Then hand the file in again.';
  return page(capture.header.name, 'was kept', what, 'A file that is finished when it appears in the folder.', todo, [
    '',
    `Capture ${capture.header.id}.`,
  ]);
}

function page(name: string, did: string, what: string, expected: string, todo: string, foot: readonly string[] = []): string {
  return [`${name} ${did}.`, '', `Found:    ${what}`, `Expected: ${expected}`, `To do:    ${todo}`, ...foot, ''].join('\n');
}
