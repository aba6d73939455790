import * as echarts from 'echarts';
import { palette } from './plots.js';

export interface BarChart {
  readonly title: string;
  /** Bars that are compared with each other; values above 0. */
  readonly groups: readonly {
    readonly name: string;
    readonly bars: readonly { readonly name: string; readonly value: number }[];
  }[];
}

const width = 860;
const barHeight = 18;
const groupGap = 26;
const top = 64;

/**
 * Horizontal bars as SVG, a value at the end of each; logarithmic, since what is compared may
 * differ a hundredfold.
 */
export function barChartSvg({ title, groups }: BarChart): string {
  const heights = groups.map(({ bars }) => bars.length * barHeight);
  const chart = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width,
    height: top + heights.reduce((a, b) => a + b + groupGap + 14, 0) + 10,
  });
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map((bar) => bar.name)))];
  const values = groups.flatMap(({ bars }) => bars.map((bar) => bar.value));
  const range = { min: 10 ** Math.floor(Math.log10(Math.min(...values))), max: 2 * Math.max(...values) };
  let y = top;
  const tops = heights.map((height) => {
    const at = y + 14;
    y += height + groupGap + 14;
    return at;
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'sans-serif' },
    title: [
      { text: title, left: 12, top: 8, textStyle: { fontSize: 12 } },
      ...groups.map(({ name }, i) => ({ text: name, left: 12, top: tops[i]! - 16, textStyle: { fontSize: 12 } })),
    ],
    grid: groups.map((_, i) => ({ left: 220, right: 70, top: tops[i], height: heights[i] })),
    xAxis: groups.map((_, i) => ({ gridIndex: i, type: 'log', show: false, ...range })),
    yAxis: groups.map(({ bars }, i) => ({
      gridIndex: i,
      type: 'category',
      inverse: true,
      data: bars.map((bar) => bar.name),
      axisTick: { show: false },
      axisLine: { show: false },
    })),
    series: groups.map(({ bars }, i) => ({
      type: 'bar',
      xAxisIndex: i,
      yAxisIndex: i,
      label: { show: true, position: 'right', formatter: ({ value }: { value: number }) => value.toPrecision(3) },
      data: bars.map(({ name, value }) => ({
        value,
        itemStyle: { color: palette[names.indexOf(name) % palette.length] },
      })),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
