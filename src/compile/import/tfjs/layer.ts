/** A layer of a LayersModel: its configuration as Keras writes it, and its weights by name. */
import { Unsuited } from './unsuited.js';
import type { Value } from './value.js';

/** The weights of a model by layer and name, however deep Keras has nested their names: `layer/kernel`, `layer/layer/kernel`, `model/layer/kernel`. */
export class LayerWeights {
  readonly #exact: ReadonlyMap<string, Value>;
  readonly #nested = new Map<string, Value[]>();

  constructor(weights: ReadonlyMap<string, Value>) {
    this.#exact = weights;
    for (const [key, value] of weights) {
      const parts = key.split('/');
      const name = parts.pop() ?? '';
      for (const layer of new Set(parts)) {
        const known = this.#nested.get(`${layer}/${name}`);
        if (known === undefined) this.#nested.set(`${layer}/${name}`, [value]);
        else known.push(value);
      }
    }
  }

  of(layer: string, name: string): readonly Value[] {
    const exact = this.#exact.get(`${layer}/${name}`);
    return exact === undefined ? (this.#nested.get(`${layer}/${name}`) ?? []) : [exact];
  }
}

export class Layer {
  readonly name: string;
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly #weights: LayerWeights;

  constructor(name: string, kind: string, config: Readonly<Record<string, unknown>>, weights: LayerWeights) {
    this.name = name;
    this.kind = kind;
    this.config = config;
    this.#weights = weights;
  }

  /** Throws Unsuited where it is stated as anything else; null counts as not stated. */
  number(key: string, otherwise: number): number {
    const found = this.#get(key) ?? otherwise;
    if (typeof found !== 'number') throw new Unsuited(`its ${key} is not a number`);
    return found;
  }

  flag(key: string, otherwise: boolean): boolean {
    const found = this.#get(key) ?? otherwise;
    if (typeof found !== 'boolean') throw new Unsuited(`its ${key} is not true or false`);
    return found;
  }

  text(key: string, otherwise: string): string {
    const found = this.#get(key) ?? otherwise;
    if (typeof found !== 'string') throw new Unsuited(`its ${key} is not a word`);
    return found;
  }

  /** One number stands for both. */
  pair(key: string, otherwise: readonly [number, number]): [number, number] {
    const found = this.#get(key) ?? otherwise;
    const [h, w] = Array.isArray(found) ? found : [found, found];
    if (typeof h !== 'number' || typeof w !== 'number') throw new Unsuited(`its ${key} is not a pair of numbers`);
    return [h, w];
  }

  /** A list of whole numbers, where null stands for a free dimension, -1. */
  numbers(key: string): number[] | null {
    const found = this.#get(key);
    if (found === undefined || found === null) return null;
    if (!Array.isArray(found) || !found.every((dim) => dim === null || Number.isInteger(dim)))
      throw new Unsuited(`its ${key} is not a list of numbers`);
    return found.map((dim) => (dim === null ? -1 : Number(dim)));
  }

  /** Keras says channelsLast or channels_last; anything else is refused. */
  requireChannelsLast(): void {
    const format = this.text('data_format', 'channels_last');
    if (!['channels_last', 'channelsLast'].includes(format))
      throw new Unsuited(`its data_format is ${format}, only channels_last is handled`);
  }

  /** In lower case; also what an activation object is called. */
  activation(): string | null {
    const found = this.#get('activation') ?? null;
    if (found !== null && typeof found !== 'string') throw new Unsuited('its activation has options');
    return found === null ? null : found.toLowerCase();
  }

  weight(name: string): Value {
    const found = this.#weights.of(this.name, name);
    const [value] = found;
    if (found.length !== 1 || value === undefined) {
      throw new Unsuited(`there ${found.length === 0 ? 'is no weight' : 'are several weights'} "${name}" of it`);
    }
    return value;
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.config, key) ? this.config[key] : undefined;
  }
}
