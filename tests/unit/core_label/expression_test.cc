#include "core/label/expression.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

namespace recrypt {
namespace {

std::string Canonical(std::string_view text) {
  auto expression = LabelExpression::Parse(text);
  return expression ? expression->text() : expression.error().message;
}

bool Refused(std::string_view text) {
  auto expression = LabelExpression::Parse(text);
  return !expression && expression.error().code == ErrorCode::kInvalid;
}

// "L0#x | L1#x | …", or with '+'.
std::string Chain(int from, int to, std::string_view between) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += (text.empty() ? "" : std::string(between)) + "L" + std::to_string(i) + "#x";
  }
  return text;
}

TEST(LabelExpression, ReadsASingleLabel) {
  auto expression = LabelExpression::Parse("  A#X.com ");
  ASSERT_TRUE(expression);
  ASSERT_EQ(expression->alternatives().size(), 1u);
  EXPECT_EQ(expression->text(), "A#x.com");
  EXPECT_EQ(*expression, LabelExpression::Of(*LabelName::Parse("A#x.com")));
}

TEST(LabelExpression, BindsAndTighterThanOr) {
  EXPECT_EQ(Canonical("A#x | B#x + C#x"), "A#x | B#x + C#x");
  EXPECT_EQ(Canonical("(A#x | B#x) + C#x"), "A#x + C#x | B#x + C#x");
}

TEST(LabelExpression, IsADisjunctionOfConjunctions) {
  auto expression = LabelExpression::Parse("A#x.com + (B#x.com | C@y.com)");
  ASSERT_TRUE(expression);
  EXPECT_EQ(expression->text(), "A#x.com + B#x.com | A#x.com + C@y.com");
  ASSERT_EQ(expression->alternatives().size(), 2u);
  EXPECT_EQ(expression->alternatives()[1][1].text(), "C@y.com");
}

TEST(LabelExpression, NeedsNoSpaces) {
  EXPECT_EQ(Canonical("A#x+(B#x|C#x)"), Canonical(" A#x +\t( B#x | C#x )\r\n"));
}

TEST(LabelExpression, IsSortedAndWithoutDuplicates) {
  EXPECT_EQ(Canonical("C#x | B#x + A#x | A#x + B#x | C#x + C#X"), "A#x + B#x | C#x");
}

TEST(LabelExpression, AbsorbsAnAlternativeThatContainsAnother) {
  EXPECT_EQ(Canonical("A#x + B#x | A#x"), "A#x");
  EXPECT_EQ(Canonical("A#x | A#x + B#x"), "A#x");
  EXPECT_EQ(Canonical("(A#x | B#x) + (A#x | B#x)"), "A#x | B#x");
  EXPECT_EQ(Canonical("(A#x | B#x) + A#x"), "A#x");
}

TEST(LabelExpression, DoesNotDependOnTheOrder) {
  EXPECT_EQ(*LabelExpression::Parse("(A#x|B#x)+(C#x|D#x)"),
            *LabelExpression::Parse("(D#x|C#x)+(B#x|A#x)"));
}

TEST(LabelExpression, ListsEachLabelOnce) {
  auto labels = LabelExpression::Parse("B#x + (A#x | C#x)")->Labels();
  ASSERT_EQ(labels.size(), 3u);
  EXPECT_EQ(labels[0].text(), "A#x");
  EXPECT_EQ(labels[1].text(), "B#x");
  EXPECT_EQ(labels[2].text(), "C#x");
}

TEST(LabelExpression, NamesTheColumnAndWhatWasExpected) {
  EXPECT_EQ(Canonical(""), "label expression, column 1: expected a label or '(', found the end");
  EXPECT_EQ(Canonical("A#x +"),
            "label expression, column 6: expected a label or '(', found the end");
  EXPECT_EQ(Canonical("A#x + + B#x"),
            "label expression, column 7: expected a label or '(', found '+'");
  EXPECT_EQ(Canonical("A#x B#x"),
            "label expression, column 5: expected '+', '|' or the end, found 'B'");
  EXPECT_EQ(Canonical("(A#x"),
            "label expression, column 5: expected '+', '|' or ')', found the end");
  EXPECT_EQ(Canonical("A#x)"),
            "label expression, column 4: expected '+', '|' or the end, found ')'");
  EXPECT_EQ(Canonical("A#x \x1b[2J"),
            "label expression, column 5: expected '+', '|' or the end, found a control character");
  EXPECT_EQ(Canonical("A#x | B"),
            "label expression, column 7: expected a label: expected name#domain or name@domain");
}

TEST(LabelExpression, CountsColumnsInCharacters) {
  EXPECT_EQ(Canonical("\u00c4\u00d6#x \u00dc"),
            "label expression, column 6: expected '+', '|' or the end, found '\u00dc'");
}

TEST(LabelExpression, RefusesNegationAndOtherOperators) {
  for (const char* text : {"! A#x", "not A#x", "A#x - B#x", "A#x & B#x", "A#x || B#x", "A#x ++ B#x",
                           "()", "A#x ()", "(A#x)(B#x)", "A#x,B#x", "A#x; B#x"}) {
    EXPECT_TRUE(Refused(text)) << text;
  }
}

TEST(LabelExpression, Takes64AlternativesAndRefuses65) {
  EXPECT_FALSE(Refused(Chain(0, 64, "|")));
  EXPECT_TRUE(Refused(Chain(0, 65, "|")));
  EXPECT_FALSE(Refused("(" + Chain(0, 8, "|") + ")+(" + Chain(8, 16, "|") + ")"));
  EXPECT_TRUE(Refused("(" + Chain(0, 8, "|") + ")+(" + Chain(8, 17, "|") + ")"));
}

TEST(LabelExpression, RefusesAnExponentialExpansionAtOnce) {
  std::string text;
  for (int i = 0; i < 500; ++i) {
    text += (i ? "+(A" : "(A") + std::to_string(i) + "#x|B" + std::to_string(i) + "#x)";
  }
  EXPECT_TRUE(Refused(text));
}

TEST(LabelExpression, ExpandsWhatAbsorptionKeepsSmall) {
  const std::string factor = "(" + Chain(0, 60, "|") + ")";
  std::string text = factor;
  while (text.size() + factor.size() < 16 * 1024) text += "+" + factor;
  EXPECT_EQ(Canonical(text), Canonical(factor));
}

TEST(LabelExpression, BoundsTheTextBeforeAndAfterExpansion) {
  EXPECT_TRUE(Refused(std::string(16 * 1024, ' ') + "A#x"));
  EXPECT_TRUE(Refused("(" + Chain(0, 64, "|") + ")+" + Chain(1000, 2900, "+")));
  EXPECT_FALSE(Refused("(" + Chain(0, 10, "|") + ")+" + Chain(100, 200, "+")));
}

TEST(LabelExpression, TakesParenthesesOf64AndRefuses65) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '(') + "A#x" + std::string(depth, ')');
  };
  EXPECT_EQ(Canonical(nested(64)), "A#x");
  EXPECT_TRUE(Refused(nested(65)));
  EXPECT_TRUE(Refused(std::string(16 * 1024, '(')));
}

// A random expression over few labels, so that absorption has work; and what it says.
struct Sample {
  std::string text;
  std::function<bool(const std::set<std::string>&)> holds;
};

const char* const kLabels[] = {"A#x", "B#x", "C#y", "D@y", "E#z"};

Sample AnySample(int depth) {
  const int kind = depth > 0 ? *rc::gen::inRange(0, 3) : 0;
  if (kind == 0) {
    const std::string label = kLabels[*rc::gen::inRange(0, 5)];
    return {label, [label](const std::set<std::string>& held) { return held.contains(label); }};
  }
  const Sample left = AnySample(depth - 1);
  const Sample right = AnySample(depth - 1);
  const std::string text = "(" + left.text + (kind == 1 ? " + " : "|") + right.text + ")";
  return {text, [=](const std::set<std::string>& held) {
            return kind == 1 ? left.holds(held) && right.holds(held)
                             : left.holds(held) || right.holds(held);
          }};
}

RC_GTEST_PROP(LabelExpressionProperty, TextParsesToTheSameValue, ()) {
  const auto expression = LabelExpression::Parse(AnySample(5).text);
  RC_ASSERT(expression.has_value());
  const auto again = LabelExpression::Parse(expression->text());
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == *expression);
  RC_ASSERT(again->text() == expression->text());
}

RC_GTEST_PROP(LabelExpressionProperty, SaysWhatTheExpressionSaid, ()) {
  const Sample sample = AnySample(5);
  const auto expression = LabelExpression::Parse(sample.text);
  RC_ASSERT(expression.has_value());
  for (unsigned subset = 0; subset < 32; ++subset) {
    std::set<std::string> held;
    for (unsigned i = 0; i < 5; ++i) {
      if (subset >> i & 1) held.insert(kLabels[i]);
    }
    const auto& all = expression->alternatives();
    const bool holds = std::any_of(all.begin(), all.end(), [&held](const auto& alternative) {
      return std::all_of(alternative.begin(), alternative.end(),
                         [&held](const LabelName& label) { return held.contains(label.text()); });
    });
    RC_ASSERT(holds == sample.holds(held));
  }
}

RC_GTEST_PROP(LabelExpressionProperty, AlternativesAreSortedAndMinimal, ()) {
  const auto expression = LabelExpression::Parse(AnySample(5).text);
  RC_ASSERT(expression.has_value());
  const auto& all = expression->alternatives();
  RC_ASSERT(std::is_sorted(all.begin(), all.end()));
  for (size_t i = 0; i < all.size(); ++i) {
    RC_ASSERT(std::is_sorted(all[i].begin(), all[i].end()));
    for (size_t j = 0; j < all.size(); ++j) {
      RC_ASSERT(i == j ||
                !std::includes(all[i].begin(), all[i].end(), all[j].begin(), all[j].end()));
    }
  }
}

}  // namespace
}  // namespace recrypt
