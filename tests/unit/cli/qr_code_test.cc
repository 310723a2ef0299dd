#include "cli/qr_code.h"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace recrypt {
namespace {

// The modules as they are seen: true is dark. Empty where a line is not as the contract says.
std::vector<std::vector<bool>> Modules(const std::string& picture) {
  const std::string begin = "\x1b[30;107m", end = "\x1b[0m";
  std::vector<std::vector<bool>> rows;
  std::istringstream lines(picture);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(begin) || !line.ends_with(end)) return {};
    line = line.substr(begin.size(), line.size() - begin.size() - end.size());
    std::vector<bool> upper, lower;
    while (!line.empty()) {
      const bool blank = line[0] == ' ';
      const std::string glyph = line.substr(0, blank ? 1 : 3);
      line.erase(0, glyph.size());
      upper.push_back(glyph == "█" || glyph == "▀");
      lower.push_back(glyph == "█" || glyph == "▄");
    }
    rows.push_back(std::move(upper));
    rows.push_back(std::move(lower));
  }
  return rows;
}

TEST(QrCode, HasTheThreeFindersAndAQuietZone) {
  const auto rows = Modules(*QrCode("K6KO-34EJ-N3N7-JVBL"));
  ASSERT_FALSE(rows.empty());
  const size_t width = rows[0].size();
  const size_t size = width - 8;
  EXPECT_EQ((size - 17) % 4, 0u);
  EXPECT_GE(rows.size(), width);
  for (size_t y = 0; y < rows.size(); ++y) {
    ASSERT_EQ(rows[y].size(), width);
    for (size_t x = 0; x < width; ++x) {
      const bool quiet = x < 4 || y < 4 || x >= 4 + size || y >= 4 + size;
      EXPECT_FALSE(quiet && rows[y][x]) << x << " " << y;
    }
  }
  for (const auto& [left, top] : {std::pair<size_t, size_t>{4, 4}, {size - 3, 4}, {4, size - 3}}) {
    for (size_t y = 0; y < 7; ++y) {
      for (size_t x = 0; x < 7; ++x) {
        const bool edge = x == 0 || y == 0 || x == 6 || y == 6;
        const bool core = x >= 2 && x <= 4 && y >= 2 && y <= 4;
        EXPECT_EQ(rows[top + y][left + x], edge || core) << left << " " << top;
      }
    }
  }
}

TEST(QrCode, OfAnotherTextIsAnotherOne) {
  EXPECT_EQ(*QrCode("A"), *QrCode("A"));
  EXPECT_NE(*QrCode("K6KO-34EJ-N3N7-JVBL"), *QrCode("K6KO-34EJ-N3N7-JVBM"));
}

TEST(QrCode, IsRefusedForWhatFitsIntoNone) {
  EXPECT_FALSE(QrCode(""));
  EXPECT_FALSE(QrCode(std::string(5000, 'x')));
}

}  // namespace
}  // namespace recrypt
