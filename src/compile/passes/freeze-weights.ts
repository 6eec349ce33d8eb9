/**
 * Makes weights constant: an initializer that is an input of the graph as well (all were, before IR version 4) may be fed by a caller, so no
 * one can fold it. Nobody feeds weights here: a card names the inputs that captures become.
 */
import type { Pass } from './pass.js';

/** The first version of the format in which an initializer need not be an input. */
const irVersion = 4;

export const freezeWeights: Pass = {
  name: 'freeze-weights',
  apply(graph) {
    graph.model.irVersion = Math.max(graph.model.irVersion, irVersion);
    return graph.freeze();
  },
};
