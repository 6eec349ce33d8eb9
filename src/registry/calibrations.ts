/**
 * How the scores of the models on this board are calibrated, as `shoal models calibrate` found: `<state_dir>/calibrations.json`.
 *
 * Guarantees: a calibration counts for the very file it was fitted on and goes before that of the card; one that fits no installed file, and
 * a file that cannot be read in full, are as none, and said. Reading only: the command writes it.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { StatedCalibration } from '../core/calibration.js';
import type { Health, Log } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type Model, modelRef } from '../core/model.js';
import { calibrationShape } from './calibration-shape.js';

const word = z.string().min(1).max(256);
const entry = z.strictObject({
  /** Of the variant's file. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  calibration: calibrationShape,
});

const calibrationsFile = z.strictObject({
  schema: z.literal('shoal/calibrations/1'),
  /** By `name@version`, then by variant. */
  models: z.record(word, z.record(word, entry)).refine((models) => Object.keys(models).length <= limits.modelsMax, {
    message: `at most ${limits.modelsMax} models`,
  }),
});

export interface CalibrationEntry {
  readonly sha256: string;
  readonly calibration: StatedCalibration;
}

export interface Calibrations {
  /** By `name@version`, then by variant. */
  readonly models: Readonly<Record<string, Readonly<Record<string, CalibrationEntry>>>>;
  /** Why the file is not used. */
  readonly problem?: string;
}

export const noCalibrations: Calibrations = { models: {} };

export function calibrationsFileIn(stateDir: string): string {
  return path.join(stateDir, 'calibrations.json');
}

export function calibrationsText(models: Calibrations['models']): string {
  return `${JSON.stringify({ schema: 'shoal/calibrations/1', models }, null, 1)}\n`;
}

/** Never throws. */
export async function readCalibrations(stateDir: string): Promise<Calibrations> {
  const file = calibrationsFileIn(stateDir);
  const damaged = (why: string): Calibrations => ({
    models: {},
    problem: `${file} is not used, so scores are as the models give them: ${why}`,
  });
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > limits.calibrationsBytesMax) return damaged('it is no file of calibrations');
    const parsed = calibrationsFile.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (parsed.success) return { models: parsed.data.models };
    const issue = parsed.error.issues[0];
    return damaged(`${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not of the agreed form'}`);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? noCalibrations : damaged(reasonOf(error));
  }
}

/** The model with the calibrations of this board in the place of those of its card. */
export function withCalibrations(model: Model, { models }: Calibrations): Model {
  const ref = modelRef(model);
  const own = Object.hasOwn(models, ref) ? models[ref] : undefined;
  if (own === undefined) return model;
  const variants = model.variants.map((variant) => {
    const found = Object.hasOwn(own, variant.name) ? own[variant.name] : undefined;
    return found?.sha256 === variant.sha256 ? { ...variant, calibration: found.calibration } : variant;
  });
  return { ...model, variants };
}

/** Why a calibration, or the file of them, is not used; one sentence each. */
export function calibrationProblems({ models, problem }: Calibrations, installed: readonly Model[]): string[] {
  const broken = Object.entries(models).flatMap(([ref, variants]) =>
    Object.entries(variants).flatMap(([name, { sha256 }]) => {
      const model = installed.find((each) => modelRef(each) === ref);
      if (model === undefined) return [`${ref} is calibrated, and not installed`];
      const variant = model.variants.find((each) => each.name === name);
      if (variant === undefined) return [`the variant ${name} of ${ref} is calibrated, and there is none`];
      return variant.sha256 === sha256 ? [] : [`${ref}, variant ${name}, is another file than the one that was calibrated`];
    }),
  );
  return problem === undefined ? broken : [problem, ...broken];
}

/** Says in log and readiness which calibrations are not used: conditions then see the scores of the card or the model. */
export function tellCalibrations(problems: readonly string[], log: Log, health: Pick<Health, 'set'>): void {
  if (problems.length === 0) health.set('calibrations', 'ok');
  else health.set('calibrations', 'degraded', problems.join('; '));
  for (const problem of problems) log.warn({ part: 'models' }, `a calibration is not used: ${problem}`);
}
