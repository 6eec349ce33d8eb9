/**
 * What there is to see in a few photos, told by a person who looked at them: objects by label and box, faces by the tip of the nose.
 *
 * Boxes are [x_min, y_min, x_max, y_max] in shares of the image, to about a hundredth. `also` are labels a careful person could give too
 * (a reflection, a thing cut by the edge, a table that is only wood): they count neither as found nor as wrong.
 */
type Box = readonly [number, number, number, number];

export interface SceneTruth {
  /** Below `$SHOAL_TEST_DATA`. */
  readonly file: string;
  readonly things: readonly (readonly [label: string, box: Box])[];
  readonly also: readonly string[];
}

export const scenes: readonly SceneTruth[] = [
  {
    file: 'data/photos/fastestdet_0.jpg',
    things: [
      ['person', [0.27, 0, 0.37, 0.25]],
      ['person', [0.58, 0.43, 0.69, 0.85]],
      ['person', [0.45, 0.58, 0.735, 0.93]],
      ['person', [0.43, 0.63, 0.58, 0.92]],
      ['baseball bat', [0.64, 0.38, 0.72, 0.46]],
    ],
    also: ['baseball glove'],
  },
  {
    file: 'data/photos/fastestdet_1.jpg',
    things: [
      ['bus', [0.08, 0.17, 0.94, 0.88]],
      ['person', [0.03, 0.53, 0.075, 0.76]],
      ['person', [0.5, 0.4, 0.59, 0.51]],
    ],
    also: ['traffic light', 'car'],
  },
  {
    file: 'data/photos/fastestdet_2.jpg',
    things: [
      ['person', [0.13, 0.19, 0.4, 0.99]],
      ['person', [0.235, 0.17, 0.36, 0.72]],
      ['person', [0.395, 0.145, 0.535, 0.77]],
      ['person', [0.58, 0.15, 0.75, 0.89]],
      ['remote', [0.585, 0.29, 0.62, 0.34]],
      ['remote', [0.36, 0.54, 0.42, 0.6]],
    ],
    also: ['couch', 'bottle', 'dining table', 'backpack', 'handbag', 'suitcase', 'book', 'vase'],
  },
  {
    file: 'data/photos/fastestdet_3.jpg',
    things: [
      ['person', [0.085, 0.19, 0.32, 0.9]],
      ['person', [0.33, 0.41, 0.475, 0.8]],
      ['person', [0.47, 0.39, 0.61, 0.84]],
      ['person', [0.6, 0.42, 1, 0.9]],
      ['frisbee', [0.18, 0.45, 0.275, 0.57]],
      ['frisbee', [0.37, 0.59, 0.43, 0.69]],
      ['frisbee', [0.435, 0.555, 0.5, 0.655]],
      ['frisbee', [0.51, 0.49, 0.59, 0.61]],
    ],
    also: [],
  },
  { file: 'data/photos/fastestdet_4.jpg', things: [['cat', [0.19, 0.35, 1, 0.99]]], also: ['cat'] },
  {
    file: 'data/photos/nanodet_000252.jpg',
    things: [
      ['bus', [0.295, 0.17, 0.575, 0.67]],
      ['car', [0.385, 0.5, 0.595, 0.72]],
      ['person', [0.465, 0.33, 0.54, 0.45]],
    ],
    also: ['person'],
  },
  {
    file: 'data/photos/nanodet_000258.jpg',
    things: [
      ['dog', [0.4, 0.37, 0.8, 1]],
      ['person', [0.65, 0.09, 1, 1]],
    ],
    also: [],
  },
  { file: 'data/photos/orange.png', things: [['orange', [0.2, 0.23, 0.92, 0.91]]], also: [] },
  { file: 'samples/chelsea.png', things: [['cat', [0, 0, 0.85, 1]]], also: [] },
  { file: 'samples/rocket.jpg', things: [], also: [] },
  { file: 'samples/camera.png', things: [['person', [0.01, 0.12, 0.57, 1]]], also: [] },
  { file: 'samples/astronaut.png', things: [['person', [0, 0.04, 0.87, 1]]], also: [] },
  { file: 'samples/coffee.png', things: [['cup', [0.27, 0.04, 0.69, 0.77]]], also: ['dining table', 'spoon', 'bowl'] },
];

export interface FacesTruth {
  readonly file: string;
  readonly noses: readonly (readonly [number, number])[];
}

/**
 * Noses were marked by a detector (YuNet) and looked at one by one: each is a nose, and no face is without. In the crowd a face half hidden
 * behind another counts.
 */
export const portraits: readonly FacesTruth[] = [
  { file: 'samples/astronaut.png', noses: [[0.437, 0.248]] },
  { file: 'samples/camera.png', noses: [[0.49, 0.33]] },
  {
    file: 'data/faces/13.jpg',
    noses: [
      [0.281, 0.195],
      [0.715, 0.394],
    ],
  },
  {
    file: 'data/faces/19.jpg',
    noses: [
      [0.75, 0.268],
      [0.51, 0.275],
      [0.226, 0.287],
      [0.344, 0.342],
      [0.614, 0.357],
    ],
  },
  {
    file: 'data/photos/fastestdet_3.jpg',
    noses: [
      [0.212, 0.28],
      [0.681, 0.493],
      [0.444, 0.468],
      [0.505, 0.464],
    ],
  },
  {
    file: 'data/faces/1.jpg',
    noses: [
      [0.484, 0.086],
      [0.526, 0.135],
      [0.449, 0.136],
      [0.607, 0.14],
      [0.763, 0.142],
      [0.688, 0.145],
      [0.364, 0.151],
      [0.843, 0.155],
      [0.278, 0.162],
      [0.221, 0.164],
      [0.636, 0.193],
      [0.266, 0.205],
      [0.194, 0.215],
      [0.418, 0.216],
      [0.522, 0.222],
      [0.82, 0.229],
      [0.316, 0.233],
      [0.348, 0.247],
      [0.462, 0.252],
      [0.58, 0.267],
      [0.676, 0.268],
      [0.204, 0.292],
      [0.16, 0.317],
      [0.239, 0.329],
      [0.864, 0.349],
      [0.788, 0.353],
      [0.436, 0.364],
      [0.92, 0.384],
      [0.319, 0.386],
      [0.626, 0.387],
      [0.537, 0.394],
      [0.228, 0.399],
      [0.718, 0.406],
      [0.107, 0.416],
      [0.814, 0.42],
      [0.747, 0.45],
      [0.593, 0.452],
      [0.499, 0.456],
      [0.076, 0.458],
      [0.674, 0.459],
      [0.173, 0.462],
      [0.934, 0.467],
      [0.273, 0.469],
      [0.396, 0.47],
      [0.857, 0.49],
      [0.446, 0.491],
      [0.549, 0.494],
      [0.339, 0.499],
      [0.231, 0.506],
      [0.741, 0.513],
      [0.129, 0.517],
      [0.653, 0.535],
    ],
  },
  { file: 'data/photos/fastestdet_4.jpg', noses: [] },
  { file: 'data/photos/orange.png', noses: [] },
  { file: 'samples/chelsea.png', noses: [] },
  { file: 'samples/rocket.jpg', noses: [] },
  { file: 'samples/coffee.png', noses: [] },
];
