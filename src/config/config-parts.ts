/**
 * What the parts of the daemon tell the config room about themselves, and the settings that come out of it.
 *
 * The config room knows no part by name: the composition root hands these lists in.
 */
import type { z } from 'zod';
import type { Kind } from '../core/contracts.js';
import type { KeepConfig } from '../core/keep.js';
import type { PipelineConfig } from '../core/pipeline.js';
import type { Task } from '../core/task.js';
import type { WhenFull } from '../core/waiting.js';
import type { Zones } from '../core/zone.js';

/** A kind of input, sink or connection, as far as its options go. */
export type ConfigKind = Pick<Kind<unknown, never, unknown>, 'type' | 'options'> & {
  /** Callers bring its captures by the daemon's HTTP server. */
  readonly byHttp?: true;
};

/** A task, as far as a configuration can use it wrongly. */
export type ConfigTask = Pick<Task, 'name' | 'summary' | 'reads' | 'takesEach' | 'cutsOut' | 'options'>;

export interface ConfigSections {
  readonly models: z.ZodType;
  readonly engine: z.ZodType;
  readonly board: z.ZodType;
  readonly store: z.ZodType;
  readonly http: z.ZodType;
  readonly log: z.ZodType;
}

export interface ConfigParts<Sections extends ConfigSections = ConfigSections> {
  readonly inputs: readonly ConfigKind[];
  readonly sinks: readonly ConfigKind[];
  readonly connections: readonly ConfigKind[];
  readonly tasks: readonly ConfigTask[];
  /** Whole sections whose every key has a default. */
  readonly sections: Sections;
}

/** An input, sink or connection: which kind, and that kind's parsed options. */
export interface PartSettings extends InputSettings {
  readonly type: string;
  readonly options: unknown;
}

/** What an input may have, whatever its kind. */
export interface InputSettings extends KeepConfig {
  /** `auto`: its captures are offered to every pipeline, and the `from` of each has it. */
  readonly route?: 'named' | 'auto' | undefined;
  readonly zones?: Zones | undefined;
  readonly when_full?: WhenFull | undefined;
  readonly max_waiting?: number | undefined;
}

export interface DeviceSettings {
  readonly id: string;
  readonly name: string;
  readonly site: string;
}

export interface PathSettings {
  readonly state_dir: string;
  readonly run_dir: string;
  readonly models_dirs: readonly string[];
}

/** Complete, checked and deeply frozen (law 9). Keys as in the file. */
export interface Settings<Sections extends ConfigSections = ConfigSections> {
  readonly version: 1;
  readonly device: DeviceSettings;
  readonly paths: PathSettings;
  readonly connections: Readonly<Record<string, PartSettings>>;
  readonly sinks: Readonly<Record<string, PartSettings>>;
  readonly inputs: Readonly<Record<string, PartSettings>>;
  readonly pipelines: Readonly<Record<string, PipelineConfig>>;
  readonly variants: 'pinned' | 'auto';
  readonly models: z.infer<Sections['models']>;
  readonly engine: z.infer<Sections['engine']>;
  readonly board: z.infer<Sections['board']>;
  readonly store: z.infer<Sections['store']>;
  readonly http: z.infer<Sections['http']>;
  readonly log: z.infer<Sections['log']>;
}
