import * as echarts from 'echarts';
import { chartText, palette } from './plots.js';

export interface IntervalChart {
  readonly title: string;
  /** What the values are, e.g. "precision". */
  readonly xName: string;
  /** Rows, e.g. classes; the values of each lie one under another. */
  readonly groups: readonly {
    readonly name: string;
    readonly values: readonly {
      readonly name: string;
      readonly value: number;
      readonly low: number;
      readonly high: number;
    }[];
  }[];
}

const width = 860;
const valueHeight = 13;
const groupGap = 12;
const left = 110;
const right = 28;
const legendLine = 22;

/** Points with their intervals as SVG, one colour for each name. */
export function intervalChartSvg({ title, xName, groups }: IntervalChart): string {
  const names = [...new Set(groups.flatMap(({ values }) => values.map(({ name }) => name)))];
  const all = groups.flatMap(({ values }) => values.flatMap(({ low, high }) => [low, high]));
  // The legend wraps: some four names a line.
  const top = 44 + legendLine * Math.ceil(names.length / 4);
  const rowHeight = names.length * valueHeight + groupGap;
  const height = top + groups.length * rowHeight;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height: height + 48 });
  const margin = 0.04 * (Math.max(...all) - Math.min(...all) || 1);
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: palette,
    textStyle: { fontFamily: 'sans-serif' },
    title: { text: chartText(title), left: 12, top: 8, textStyle: { fontSize: 14 } },
    legend: { data: names.map(chartText), top: 32, left, itemHeight: 8, icon: 'circle', width: width - left - right },
    grid: { left, right, top, height: height - top },
    xAxis: {
      type: 'value',
      name: xName,
      nameLocation: 'middle',
      nameGap: 26,
      min: Math.min(...all) - margin,
      max: Math.max(...all) + margin,
      axisLabel: { formatter: (value: number) => value.toFixed(2), showMinLabel: false, showMaxLabel: false },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: groups.map(({ name }) => chartText(name)),
      axisTick: { show: false },
      axisLine: { onZero: false },
      splitLine: { show: true, interval: 0 },
    },
    series: names.map((name, n) => ({
      type: 'custom',
      name: chartText(name),
      encode: { x: [0, 1, 2], y: 3 },
      data: groups.flatMap(({ values }, row) =>
        values.filter((value) => value.name === name).map(({ value, low, high }) => [value, low, high, row]),
      ),
      renderItem: (_: unknown, api: echarts.CustomSeriesRenderItemAPI) => {
        const at = (dimension: number) => api.coord([api.value(dimension), api.value(3)]);
        const [x, middle] = at(0) as [number, number];
        const y = middle + (n - (names.length - 1) / 2) * valueHeight;
        const colour = palette[n % palette.length]!;
        const line = (x1: number, y1: number, x2: number, y2: number) => ({
          type: 'line' as const,
          shape: { x1, y1, x2, y2 },
          style: { stroke: colour, lineWidth: 1.5 },
        });
        const [from, to] = [at(1)[0]!, at(2)[0]!];
        return {
          type: 'group' as const,
          children: [
            line(from, y, to, y),
            line(from, y - 3, from, y + 3),
            line(to, y - 3, to, y + 3),
            { type: 'circle' as const, shape: { cx: x, cy: y, r: 3.5 }, style: { fill: colour } },
          ],
        };
      },
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
