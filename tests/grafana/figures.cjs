// Reads panels with their data from standard input, and writes what Grafana's own code makes of them: for each panel a
// list of {text, color}. A panel: {fieldConfig, reduceOptions, frames: [{name, times, values}]}.
require("global-jsdom/register");
const { getFieldDisplayValues, createTheme, toDataFrame, FieldType } = require("@grafana/data");

const show = (panel) =>
  getFieldDisplayValues({
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.reduceOptions || { calcs: ["lastNotNull"] },
    data: panel.frames.map((frame) =>
      toDataFrame({
        fields: [
          { name: "Time", type: FieldType.time, values: frame.times.map((second) => second * 1000) },
          { name: frame.name, type: FieldType.number, values: frame.values, config: panel.fieldConfig.defaults },
        ],
      })
    ),
    replaceVariables: (text) => text,
    theme: createTheme(),
    timeZone: "utc",
  }).map(({ display }) => ({
    text: `${display.prefix || ""}${display.text}${display.suffix || ""}`,
    color: display.color || "",
  }));

let input = "";
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () => process.stdout.write(JSON.stringify(JSON.parse(input).map(show))));
