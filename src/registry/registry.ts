/**
 * The models this board has: every readable card under the models directories.
 *
 * Guarantees: a broken card is reported with its path and reason and never hides the others; of two models with one name and
 * version the one of the earlier directory counts; every choice is the same on every start. Reads cards and labels only.
 */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type Model, modelRef } from '../core/model.js';
import { type Calibrations, calibrationProblems, noCalibrations, withCalibrations } from './calibrations.js';
import { readCard } from './card.js';
import { noPins, type Pins, pinOf } from './pins.js';

export interface RegistryProblem {
  /** Absolute path of the folder or file. */
  readonly path: string;
  readonly reason: string;
}

/** Reads `<directory>/<name>/<version>/card.yaml` of all directories. Never throws for what it finds there. */
export async function openRegistry(
  directories: readonly string[],
  pins: Pins = noPins,
  calibrations: Calibrations = noCalibrations,
): Promise<Registry> {
  const models: Model[] = [];
  const problems: RegistryProblem[] = [];
  for (const directory of directories) {
    for (const folder of await versionFolders(path.resolve(directory), problems)) {
      try {
        const { model } = await readCard(folder);
        const twin = models.find((known) => modelRef(known) === modelRef(model));
        if (twin === undefined) models.push(model);
        else
          problems.push({
            path: folder,
            reason: `${modelRef(model)} is already in ${twin.directory}, which counts; remove one of the two`,
          });
      } catch (error) {
        problems.push({ path: folder, reason: reasonOf(error) });
      }
    }
  }
  const calibrated = models.map((model) => withCalibrations(model, calibrations));
  return new Registry(calibrated, problems, pins, calibrationProblems(calibrations, models));
}

async function versionFolders(directory: string, problems: RegistryProblem[]): Promise<string[]> {
  const folders: string[] = [];
  for (const name of await foldersIn(directory, problems)) {
    for (const version of await foldersIn(path.join(directory, name), problems)) folders.push(path.join(directory, name, version));
  }
  if (folders.length > limits.modelsMax) {
    problems.push({ path: directory, reason: `${folders.length} model folders, only the first ${limits.modelsMax} are looked at` });
  }
  return folders.slice(0, limits.modelsMax);
}

/** Names of the folders in a folder, sorted; hidden ones and files are no models. */
async function foldersIn(directory: string, problems: RegistryProblem[]): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    problems.push({ path: directory, reason: `cannot be read: ${reasonOf(error)}` });
    return [];
  }
  const names = entries.filter((entry) => !entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
  return names.sort();
}

export class Registry {
  readonly problems: readonly RegistryProblem[];
  readonly pins: Pins;
  /** Why a calibration of this board is not used; one sentence each. */
  readonly calibrationProblems: readonly string[];
  readonly #models: readonly Model[];

  constructor(
    models: readonly Model[],
    problems: readonly RegistryProblem[] = [],
    pins: Pins = noPins,
    calibrationProblems: readonly string[] = [],
  ) {
    this.#models = models;
    this.problems = problems;
    this.pins = pins;
    this.calibrationProblems = calibrationProblems;
  }

  /** Why a pin, or the file of pins, cannot be kept; one sentence each. */
  get pinProblems(): readonly string[] {
    const broken = Object.entries(this.pins.models).flatMap(([name, { version, variant }]) => {
      const pinned = this.find(name);
      const ref = version === undefined ? name : `${name}@${version}`;
      if (pinned === null) return [`${ref} is pinned, and ${name} is not installed`];
      if (version !== undefined && pinned.version !== version) return [`${ref} is pinned, and not installed: ${modelRef(pinned)} runs`];
      if (variant === undefined || pinned.variants.some((each) => each.name === variant)) return [];
      return [`${ref} is pinned to its variant ${variant}, and has only ${pinned.variants.map((each) => each.name).join(', ')}`];
    });
    return this.pins.problem === undefined ? broken : [this.pins.problem, ...broken];
  }

  /** All models, by directory, then name; the newest version of a name first. */
  list(): readonly Model[] {
    const names = [...new Set(this.#models.map((model) => model.name))];
    return names.flatMap((name) => this.versions(name));
  }

  /** All versions of a name, newest first. */
  versions(name: string): readonly Model[] {
    return this.#models.filter((model) => model.name === name).sort((a, b) => compareVersions(b.version, a.version));
  }

  /** By `name` (the pinned version, else the newest), `name@1.2.3`, or the start of a version: `name@1` is the newest 1.x.y. */
  find(ref: string): Model | null {
    const at = ref.indexOf('@');
    if (at < 0) return this.#preferred(ref);
    const wanted = ref.slice(at + 1);
    const found = this.versions(ref.slice(0, at));
    return found.find((model) => model.version === wanted) ?? found.find((model) => model.version.startsWith(`${wanted}.`)) ?? null;
  }

  /** The pinned or newest version of the first model (by directory, then name) for a task. */
  defaultFor(task: string): Model | null {
    const first = this.list().find((model) => model.task === task);
    return first === undefined ? null : (this.#preferred(first.name, task) ?? first);
  }

  /** A pin that cannot be kept counts as none; a version that is for another task is no answer to a question for a task. */
  #preferred(name: string, task?: string): Model | null {
    const versions = this.versions(name).filter((model) => task === undefined || model.task === task);
    const version = pinOf(this.pins, name)?.version;
    return versions.find((model) => model.version === version) ?? versions[0] ?? null;
  }
}

/** Below 0 when `a` is older; a pre-release is older than its release. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => {
    const [numbers = '', ...rest] = version.split('-');
    return { numbers: numbers.split('.').map(Number), label: rest.join('-') };
  });
  for (let i = 0; i < 3; i++) {
    const difference = (left?.numbers[i] ?? 0) - (right?.numbers[i] ?? 0);
    if (difference !== 0) return difference;
  }
  if (left?.label === right?.label) return 0;
  if (left?.label === '') return 1;
  if (right?.label === '') return -1;
  return (left?.label ?? '') < (right?.label ?? '') ? -1 : 1;
}
