declare const THREE: typeof import("three");
declare const uPlot: typeof import("uplot").default;
