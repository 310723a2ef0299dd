#include "cli/console/plot.h"

#include <array>
#include <cstdio>

#include "cli/quantities.h"

namespace recrypt {
namespace {

constexpr int kStepWidth = 10;  // of the drawing's own units, which are stretched to the page
constexpr double kHeight = 100;

std::string Number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  return text.data();
}

std::string Counted(uint32_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string Counts(uint32_t grants, uint32_t refusals) {
  return Counted(grants, "grant", "grants") + ", " + Counted(refusals, "refusal", "refusals");
}

// "2026-01-31 12:00": the seconds are those of the step.
std::string Minute(int64_t time) { return FormatLocalTime(time).substr(0, 16); }

Html Bars(const Plot& plot) {
  const double all = std::max(1u, plot.scale.grants + plot.scale.refusals);
  const double line = kHeight * (plot.scale.grants + plot.scale.refusals == 0
                                     ? 1.0
                                     : static_cast<double>(plot.scale.grants) / all);
  Html bars;
  for (size_t i = 0; i < plot.tally.grants.size(); ++i) {
    const uint32_t grants = plot.tally.grants[i], refusals = plot.tally.refusals[i];
    const double up = kHeight * grants / all, down = kHeight * refusals / all;
    const size_t left = i * kStepWidth;
    Html step = Fill(
        "<title>{}: {}</title><rect class=\"slot\" x=\"{}\" y=\"0\" width=\"10\" "
        "height=\"100\"/>",
        Minute(plot.edges[i]), Counts(grants, refusals), left);
    if (grants > 0) {
      step += Fill("<rect class=\"grants\" x=\"{}\" y=\"{}\" width=\"8\" height=\"{}\"/>", left + 1,
                   Number(line - up), Number(up));
    }
    if (refusals > 0) {
      step += Fill("<rect class=\"refusals\" x=\"{}\" y=\"{}\" width=\"8\" height=\"{}\"/>",
                   left + 1, Number(line), Number(down));
    }
    bars += Fill("<g>{}</g>\n", step);
  }
  bars += Fill("<line class=\"zero\" x1=\"0\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n",
               plot.tally.grants.size() * kStepWidth, Number(line), Number(line));
  return bars;
}

Html Numbers(const Plot& plot) {
  HtmlTable table{"Grants and refusals of " + plot.title, {"From", "Grants", "Refusals"}};
  for (size_t i = 0; i < plot.tally.grants.size(); ++i) {
    if (plot.tally.grants[i] + plot.tally.refusals[i] == 0) continue;
    table.rows.push_back({Fill("{}", Minute(plot.edges[i])), Fill("{}", plot.tally.grants[i]),
                          Fill("{}", plot.tally.refusals[i])});
  }
  if (table.rows.empty()) return {};
  return Fill("<details><summary>The numbers</summary>\n{}</details>\n", table.html());
}

}  // namespace

PlotScale ScaleOf(const Tally& tally) {
  PlotScale scale;
  for (const uint32_t one : tally.grants) scale.grants = std::max(scale.grants, one);
  for (const uint32_t one : tally.refusals) scale.refusals = std::max(scale.refusals, one);
  return scale;
}

Html PlotOf(const Plot& plot) {
  const std::string counts = Counts(plot.tally.all_grants, plot.tally.all_refusals);
  const std::string said = "Grants and refusals of " + plot.title + " over " + plot.time + ": " +
                           counts + " in all. At most " +
                           Counts(plot.scale.grants, plot.scale.refusals) + " in one step.";
  const bool large = plot.size == PlotSize::kLarge;
  const std::string where = large ? " (grants above the line, refusals below it)" : "";
  return Fill(
      "<figure class=\"plot {}\"><figcaption><strong>{}</strong> <span class=\"counts\">{}</span>"
      "</figcaption>\n<div class=\"frame\"><div class=\"scale\" aria-hidden=\"true\">"
      "<span>{}</span><span>{}</span></div>\n<svg role=\"img\" aria-label=\"{}\" "
      "viewBox=\"0 0 {} 100\" preserveAspectRatio=\"none\">\n{}</svg></div>\n"
      "<div class=\"times\" aria-hidden=\"true\"><span>{}</span><span>now</span></div>\n{}"
      "</figure>\n",
      large ? "large" : "small", plot.title, counts + where, plot.scale.grants, plot.scale.refusals,
      said, plot.tally.grants.size() * kStepWidth, Bars(plot), Minute(plot.edges.front()),
      large ? Numbers(plot) : Html());
}

}  // namespace recrypt
