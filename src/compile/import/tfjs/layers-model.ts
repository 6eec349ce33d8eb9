/**
 * A LayersModel: Keras layers in a row (Sequential) or wired (Functional), models within models included.
 *
 * Guarantees: as for graphs; layers of more than one output, masks, states and custom layers are refused by name.
 */
import { z } from 'zod';
import { limits } from '../../../core/limits.js';
import type { OnnxModel } from '../../onnx/model.js';
import { Builder } from './builder.js';
import { Layer, LayerWeights } from './layer.js';
import { convertLayer } from './layers.js';
import { invalid, named, Unsuited } from './unsuited.js';
import type { ElementType, Value } from './value.js';

const config = z.record(z.string(), z.unknown());

/** A layer's name, which of its calls, which of its outputs; a fourth entry holds what the call was given besides. */
const link = z.tuple([z.string().max(1024), z.int().min(0).max(1024), z.literal(0)]).rest(z.unknown());

const layerSchema = z.object({
  class_name: z.string().min(1).max(256),
  name: z.string().min(1).max(1024).optional(),
  config,
  inbound_nodes: z.array(z.array(link).max(limits.importPartsMax)).max(1024).optional(),
});

const modelSchema = z.object({ class_name: z.string().max(256), config: z.union([config, z.array(z.unknown())]) });

/** As Keras saves a model, with or without the box around it. */
export const layersSchema = z.union([modelSchema, z.object({ model_config: modelSchema }).transform(({ model_config }) => model_config)]);

const layerList = z.array(layerSchema).min(1).max(limits.importNodesMax);
const links = z.union([z.array(link), link.transform((only) => [only])]);
const functionalSchema = z.object({ layers: layerList, input_layers: links, output_layers: links });

type RawModel = z.infer<typeof modelSchema>;
type RawLayer = z.infer<typeof layerSchema>;

const functional = new Set(['Functional', 'Model']);
/** Rounds over the layers of a model until all are converted: they are listed in order, but for layers that are used twice. */
const roundsMax = 64;

/** Throws MODEL_INVALID that names the layer that cannot be imported. */
export function importLayers(model: RawModel, weights: ReadonlyMap<string, Value>): OnnxModel {
  return new LayersImport(weights).run(model);
}

class LayersImport {
  readonly #weights: LayerWeights;
  readonly #builder = new Builder();
  #layers = 0;

  constructor(weights: ReadonlyMap<string, Value>) {
    this.#weights = new LayerWeights(weights);
  }

  run(model: RawModel): OnnxModel {
    const names = this.#borders(model, 0);
    this.#builder.reserve([...names.inputs.map(({ name }) => name), ...names.outputs]);
    const inputs = names.inputs.map(({ name, shape, type }) => {
      this.#builder.startNode(name);
      return named(name, 'InputLayer', () => this.#builder.input(name, shape, type));
    });
    const outputs = this.#model(model, inputs, 0);
    for (const [i, name] of names.outputs.entries()) {
      const value = outputs[i];
      if (value === undefined) throw invalid(`its output "${name}" is missing`);
      this.#builder.startNode(name);
      this.#builder.output(value, name);
    }
    return this.#builder.finish();
  }

  /** What goes in and out of the outermost model. An output that would have the name of an input is called `output`. */
  #borders(model: RawModel, depth: number): { inputs: { name: string; shape: number[]; type: ElementType }[]; outputs: string[] } {
    if (depth > limits.importDepthMax) throw invalid(`it has models within models, more than ${limits.importDepthMax} deep`);
    if (!functional.has(model.class_name)) {
      const layers = sequentialLayers(model);
      const [first, last] = [layers[0], layers.at(-1)];
      if (first === undefined || last === undefined) throw invalid('it has no layers');
      const nested = isModel(first) ? this.#borders(modelOf(first), depth + 1).inputs : [inputOf(first)];
      const output = nameOf(last);
      return { inputs: nested, outputs: [nested.some(({ name }) => name === output) ? 'output' : output] };
    }
    const { layers, input_layers, output_layers } = parsed(functionalSchema, model.config);
    const inputs = input_layers.map(([name]) => {
      const layer = layers.find((each) => nameOf(each) === name);
      if (layer === undefined) throw invalid(`there is no layer "${name}" to be an input`);
      return inputOf(layer);
    });
    const taken = new Set(inputs.map(({ name }) => name));
    const outputs = output_layers.map(([name], i) => {
      const own = taken.has(name) ? `output_${i}` : name;
      taken.add(own);
      return own;
    });
    return { inputs, outputs };
  }

  #model(model: RawModel, inputs: readonly Value[], depth: number): readonly Value[] {
    if (depth > limits.importDepthMax) throw invalid(`it has models within models, more than ${limits.importDepthMax} deep`);
    if (functional.has(model.class_name)) return this.#functional(model, inputs, depth);
    let values = inputs;
    for (const layer of sequentialLayers(model)) {
      if (layer.class_name !== 'InputLayer') values = this.#layer(layer, values, depth);
    }
    return values;
  }

  #functional(model: RawModel, inputs: readonly Value[], depth: number): readonly Value[] {
    const { layers, input_layers, output_layers } = parsed(functionalSchema, model.config);
    const done = new Map<string, Value>();
    for (const [i, [name]] of input_layers.entries()) {
      const value = inputs[i];
      if (value === undefined) throw invalid(`the input "${name}" of a model is not given`);
      done.set(`${name}:0`, value);
    }
    let waiting = layers
      .filter((layer) => layer.class_name !== 'InputLayer')
      .flatMap((layer) => (layer.inbound_nodes ?? []).map((from, call) => ({ layer, from, key: `${nameOf(layer)}:${call}` })));
    for (let round = 0; waiting.length > 0; round++) {
      const left = waiting.filter(({ layer, from, key }) => {
        const values = from.map(([name, call]) => done.get(`${name}:${call}`)).filter((value) => value !== undefined);
        if (values.length < from.length) return true;
        const [made] = this.#layer(layer, values, depth);
        if (made !== undefined) done.set(key, made);
        return false;
      });
      const [stuck] = left;
      if (stuck !== undefined && (left.length === waiting.length || round >= roundsMax))
        throw invalid(`layer "${nameOf(stuck.layer)}" uses what no layer makes`);
      waiting = left;
    }
    return output_layers.map(([name, call]) => {
      const value = done.get(`${name}:${call}`);
      if (value === undefined) throw invalid(`there is no layer "${name}" to be an output`);
      return value;
    });
  }

  #layer(raw: RawLayer, inputs: readonly Value[], depth: number): readonly Value[] {
    const name = nameOf(raw);
    if (++this.#layers > limits.importNodesMax) throw invalid(`it has more than ${limits.importNodesMax} layers`);
    if (isModel(raw)) return this.#model(modelOf(raw), inputs, depth + 1);
    this.#builder.startNode(name);
    return [
      named(name, raw.class_name, () => convertLayer(this.#builder, new Layer(name, raw.class_name, raw.config, this.#weights), inputs)),
    ];
  }
}

function isModel({ class_name }: RawLayer): boolean {
  return class_name === 'Sequential' || functional.has(class_name);
}

function modelOf(layer: RawLayer): RawModel {
  return { class_name: layer.class_name, config: layer.config };
}

function sequentialLayers(model: RawModel): RawLayer[] {
  if (model.class_name !== 'Sequential')
    throw invalid(`its class is ${model.class_name}, only Sequential, Functional and Model are handled`);
  return parsed(layerList, Array.isArray(model.config) ? model.config : model.config.layers);
}

function nameOf({ name, config, class_name }: RawLayer): string {
  const found = name ?? config.name;
  if (typeof found !== 'string' || found === '') throw invalid(`a layer (${class_name}) has no name`);
  return found;
}

function inputOf(layer: RawLayer): { name: string; shape: number[]; type: ElementType } {
  const name = layer.class_name === 'InputLayer' ? nameOf(layer) : 'input';
  return named(name, layer.class_name, () => {
    const reader = new Layer(name, layer.class_name, layer.config, new LayerWeights(new Map()));
    const stated = reader.numbers('batch_input_shape') ?? reader.numbers('batch_shape');
    if (stated === null) throw new Unsuited('its input shape is not stated');
    const shape = stated.map((dim, i) => (i === 0 ? 1 : dim));
    if (shape.some((dim) => dim < 1)) throw new Unsuited(`its input shape [${stated.join(', ')}] has free dimensions`);
    const type = reader.text('dtype', 'float32');
    if (type !== 'float32' && type !== 'int32') throw new Unsuited(`its input is ${type}`);
    return { name, shape, type };
  });
}

function parsed<Shape>(schema: z.ZodType<Shape>, raw: unknown): Shape {
  const found = schema.safeParse(raw);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw invalid(`its layers cannot be read: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
