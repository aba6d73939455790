import * as echarts from 'echarts';
import sharp from 'sharp';

export interface Line {
  readonly name: string;
  /** [x, y] pairs; a y that is not finite leaves a gap. */
  readonly points: readonly (readonly [number, number])[];
}

export interface LinePlot {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  readonly lines: readonly Line[];
  /** y on a logarithmic scale; values at or below zero leave gaps. */
  readonly logY?: boolean;
}

const panelWidth = 860;
const panelHeight = 340;
/** Okabe and Ito's colours, told apart by the colour-blind too. */
export const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000'];

// There is no canvas to measure text with; echarts' own guess is too small for wide fonts.
echarts.setPlatformAPI({
  measureText: (text, font) => ({ width: text.length * 0.62 * Number(/(\d+)px/.exec(font ?? '')?.[1] ?? 12) }),
});

/**
 * A name as echarts may have it. It keeps the widths of texts in a plain object, where `__proto__` finds
 * the prototype of all objects and writes to it: such names get a character that nobody sees.
 */
export const chartText = (text: string): string => (text in Object.prototype ? `${text}\u2060` : text);

/** Line plots one under another as one SVG: light background, named axes, a legend per panel. */
export function linePlotsSvg(plots: readonly LinePlot[]): string {
  const chart = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: panelWidth,
    height: panelHeight * plots.length,
  });
  const top = (i: number) => i * panelHeight;
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: palette,
    textStyle: { fontFamily: 'sans-serif' },
    title: plots.map((plot, i) => ({
      text: chartText(plot.title),
      left: 12,
      top: top(i) + 8,
      textStyle: { fontSize: 14 },
    })),
    legend: plots.map((plot, i) => ({
      data: plot.lines.map((line) => chartText(line.name)),
      top: top(i) + 32,
      left: 64,
      itemHeight: 8,
      icon: 'roundRect',
    })),
    grid: plots.map((_, i) => ({ left: 72, right: 28, top: top(i) + 72, height: panelHeight - 128 })),
    xAxis: plots.map((plot, i) => ({
      gridIndex: i,
      type: 'value',
      name: plot.xName,
      nameLocation: 'middle',
      nameGap: 26,
      min: 'dataMin',
      max: 'dataMax',
      splitLine: { show: false },
    })),
    yAxis: plots.map((plot, i) => ({
      gridIndex: i,
      type: plot.logY ? 'log' : 'value',
      name: plot.yName,
      nameLocation: 'middle',
      nameGap: 50,
      scale: true,
    })),
    series: plots.flatMap((plot, i) =>
      plot.lines.map((line, j) => ({
        type: 'line',
        name: chartText(line.name),
        xAxisIndex: i,
        yAxisIndex: i,
        showSymbol: line.points.length < 2,
        color: palette[j % palette.length],
        lineStyle: { width: 1.5 },
        data: line.points.map(([x, y]) => [x, Number.isFinite(y) && !(plot.logY && y <= 0) ? y : null]),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** The same plots as PNG, at twice the size so that text stays sharp. */
export async function linePlotsPng(plots: readonly LinePlot[]): Promise<Uint8Array> {
  return sharp(Buffer.from(linePlotsSvg(plots)), { density: 144 })
    .png()
    .toBuffer();
}
