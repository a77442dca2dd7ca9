// What the page uses of three.js; esbuild leaves out the rest (package.json).
export {
  BufferAttribute,
  BufferGeometry,
  DataTexture,
  Mesh,
  OrthographicCamera,
  Points,
  Raycaster,
  Scene,
  ShaderMaterial,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
