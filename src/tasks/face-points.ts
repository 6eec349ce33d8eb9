/**
 * The points of MediaPipe's face mesh that have a name here: enough to see where eyes, brows, nose, mouth and outline of a face are.
 *
 * Left and right are the person's. Source: the canonical face model of MediaPipe, mediapipe/modules/face_geometry/data, whose vertices are
 * numbered as the model's output.
 */

/** Vertices of the mesh, three numbers each in the model's output. */
export const meshPoints = 468;

export const contourPoints = {
  right_eye_outer: 33,
  right_eye_top: 159,
  right_eye_inner: 133,
  right_eye_bottom: 145,
  left_eye_inner: 362,
  left_eye_top: 386,
  left_eye_outer: 263,
  left_eye_bottom: 374,
  right_brow_outer: 70,
  right_brow_top: 105,
  right_brow_inner: 107,
  left_brow_inner: 336,
  left_brow_top: 334,
  left_brow_outer: 300,
  nose_bridge: 168,
  nose_tip: 1,
  nose_right: 98,
  nose_left: 327,
  mouth_right: 61,
  mouth_top: 0,
  mouth_left: 291,
  mouth_bottom: 17,
  forehead: 10,
  right_jaw: 172,
  chin: 152,
  left_jaw: 397,
} as const satisfies Record<string, number>;
