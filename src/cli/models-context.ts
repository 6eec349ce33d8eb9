/**
 * What the commands about models get beyond what every command gets: how to judge and open a model, and how to fetch one.
 */
import type { Model, ModelFacts } from '../core/model.js';
import type { FetchOptions } from '../registry/fetch-file.js';
import type { ModelsPlaceContext } from './models-setting.js';

/** What opening a variant in a process of its own came to. */
export interface ModelProbe {
  readonly model: string;
  readonly variant: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly loadMs: number;
}

export interface ModelsContext extends ModelsPlaceContext {
  /** Throws when a card does not suit its task. */
  readonly fitModel: (model: ModelFacts) => void;
  /** How names are resolved and what is too slow, where it is not the usual way. */
  readonly fetch?: Pick<FetchOptions, 'resolve' | 'pace'>;
  /** Opens every variant in an engine. */
  readonly probeModels: (models: readonly Model[]) => Promise<readonly ModelProbe[]>;
}
