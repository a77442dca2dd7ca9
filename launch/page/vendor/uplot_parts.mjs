// uPlot under its own name; esbuild makes one script of it (package.json).
import uPlot from "uplot";

globalThis.uPlot = uPlot;
