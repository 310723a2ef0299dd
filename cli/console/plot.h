// Plots of grants and refusals over time: grants stand above the line, refusals hang below it, so
// that they are told apart without colours. The plot is a picture with a text for who does not see
// it, and a table of its numbers.
//
//   page += PlotOf({"Board#example.com", "the last 7 days", edges, tally});
//
// Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_PLOT_H_
#define RECRYPT_CLI_CONSOLE_PLOT_H_

#include <string>
#include <vector>

#include "cli/console/activity.h"
#include "cli/console/html.h"

namespace recrypt {

enum class PlotSize { kLarge, kSmall };

// How much the highest bars stand for.
struct PlotScale {
  uint32_t grants = 0, refusals = 0;
};
PlotScale ScaleOf(const Tally& tally);

struct Plot {
  std::string title;
  std::string time;  // "the last 7 days"
  std::vector<int64_t> edges;
  Tally tally;
  PlotScale scale;                   // the same one for plots that are to be compared
  PlotSize size = PlotSize::kLarge;  // a small one has no table
};
Html PlotOf(const Plot& plot);

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_PLOT_H_
