#include "core/label/expression.h"

#include <algorithm>
#include <cstdint>
#include <map>

namespace recrypt {
namespace {

// Bounds the input, and the canonical text too, which repeats labels: what was parsed once must
// parse again.
constexpr size_t kMaxTextSize = 16 * 1024;
constexpr int kMaxParentheses = 64;

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kAnd = " + ";
constexpr std::string_view kOr = " | ";

// A set of labels by number. Expansion works on these, because copying the names themselves would
// take seconds for a text of the allowed size.
class LabelSet {
 public:
  explicit LabelSet(size_t label) : words_(label / 64 + 1) {
    words_[label / 64] = uint64_t{1} << (label % 64);
  }

  void Add(const LabelSet& other) {
    if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
    for (size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
  }

  bool Contains(const LabelSet& other) const {
    for (size_t i = 0; i < other.words_.size(); ++i) {
      const uint64_t mine = i < words_.size() ? words_[i] : 0;
      if ((other.words_[i] & ~mine) != 0) return false;
    }
    return true;
  }

  bool Has(size_t label) const {
    return label / 64 < words_.size() && (words_[label / 64] >> (label % 64) & 1) != 0;
  }

 private:
  std::vector<uint64_t> words_;
};

using Disjunction = std::vector<LabelSet>;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<std::vector<LabelName>>> Run() {
    RECRYPT_ASSIGN(const Disjunction sets, ReadExpression());
    if (at_ < text_.size()) return Expected("'+', '|' or the end");
    return Named(sets);
  }

 private:
  Result<Disjunction> ReadExpression() {
    RECRYPT_ASSIGN(Disjunction all, ReadTerm());
    while (Skip('|')) {
      RECRYPT_ASSIGN(const Disjunction more, ReadTerm());
      for (const LabelSet& set : more) RECRYPT_TRY(Insert(all, set));
    }
    return all;
  }

  Result<Disjunction> ReadTerm() {
    RECRYPT_ASSIGN(Disjunction all, ReadFactor());
    while (Skip('+')) {
      RECRYPT_ASSIGN(const Disjunction more, ReadFactor());
      RECRYPT_ASSIGN(all, Product(all, more));
    }
    return all;
  }

  Result<Disjunction> ReadFactor() {
    if (!Skip('(')) return ReadLabel();
    if (depth_ == kMaxParentheses) return Refuse("parentheses are nested deeper than 64");
    ++depth_;
    RECRYPT_ASSIGN(Disjunction inner, ReadExpression());
    --depth_;
    if (!Skip(')')) return Expected("'+', '|' or ')'");
    return inner;
  }

  Result<Disjunction> ReadLabel() {
    SkipSpace();
    const size_t end = std::min(text_.find_first_of(" \t\r\n+|()", at_), text_.size());
    if (end == at_) return Expected("a label or '('");
    auto name = LabelName::Parse(text_.substr(at_, end - at_));
    if (!name) return Refuse("expected a label: " + name.error().message);
    at_ = end;
    SkipSpace();
    // Numbers follow the order of first use; sorting by name comes with Named.
    const size_t number = labels_.try_emplace(std::move(*name), labels_.size()).first->second;
    return Disjunction{LabelSet(number)};
  }

  // Keeps the sets such that none contains another one.
  Status Insert(Disjunction& sets, const LabelSet& added) {
    for (const LabelSet& set : sets) {
      if (added.Contains(set)) return {};
    }
    std::erase_if(sets, [&added](const LabelSet& set) { return set.Contains(added); });
    if (sets.size() == LabelExpression::kMaxAlternatives) {
      return Refuse("the expression has more than " +
                    std::to_string(LabelExpression::kMaxAlternatives) + " alternatives");
    }
    sets.push_back(added);
    return {};
  }

  Result<Disjunction> Product(const Disjunction& left, const Disjunction& right) {
    Disjunction all;
    for (const LabelSet& first : left) {
      for (const LabelSet& second : right) {
        LabelSet both = first;
        both.Add(second);
        RECRYPT_TRY(Insert(all, both));
      }
    }
    return all;
  }

  Result<std::vector<std::vector<LabelName>>> Named(const Disjunction& sets) const {
    std::vector<std::vector<LabelName>> alternatives;
    size_t size = 0;
    for (const LabelSet& set : sets) {
      std::vector<LabelName> names;
      for (const auto& [name, number] : labels_) {
        if (!set.Has(number)) continue;
        size += name.text().size() + kAnd.size();
        if (size > kMaxTextSize) {
          return Fail(ErrorCode::kInvalid, "the alternatives written out exceed 16 KiB");
        }
        names.push_back(name);
      }
      alternatives.push_back(std::move(names));
    }
    std::sort(alternatives.begin(), alternatives.end());
    return alternatives;
  }

  bool Skip(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    SkipSpace();
    return true;
  }

  void SkipSpace() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }

  tl::unexpected<Error> Expected(const std::string& what) const {
    return Refuse("expected " + what + ", found " + Found());
  }

  // The character at the current place, for a message: whole, and never a control character.
  std::string Found() const {
    if (at_ == text_.size()) return "the end";
    if (static_cast<uint8_t>(text_[at_]) < ' ') return "a control character";
    size_t size = 1;
    while (size < 4 && at_ + size < text_.size() && IsContinuation(text_[at_ + size])) ++size;
    return "'" + std::string(text_.substr(at_, size)) + "'";
  }

  tl::unexpected<Error> Refuse(const std::string& why) const {
    const std::string_view before = text_.substr(0, at_);
    const auto column =
        1 + std::count_if(before.begin(), before.end(), [](char c) { return !IsContinuation(c); });
    return Fail(ErrorCode::kInvalid,
                "label expression, column " + std::to_string(column) + ": " + why);
  }

  static bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  std::map<LabelName, size_t> labels_;
};

}  // namespace

Result<LabelExpression> LabelExpression::Parse(std::string_view text) {
  if (text.size() > kMaxTextSize) {
    return Fail(ErrorCode::kInvalid, "the label expression is longer than 16 KiB");
  }
  LabelExpression expression;
  RECRYPT_ASSIGN(expression.alternatives_, Parser(text).Run());
  return expression;
}

LabelExpression LabelExpression::Of(LabelName name) {
  LabelExpression expression;
  expression.alternatives_.push_back({std::move(name)});
  return expression;
}

std::vector<LabelName> LabelExpression::Labels() const {
  std::vector<LabelName> labels;
  for (const auto& alternative : alternatives_) {
    labels.insert(labels.end(), alternative.begin(), alternative.end());
  }
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return labels;
}

std::string LabelExpression::text() const {
  std::string out;
  for (const auto& alternative : alternatives_) {
    if (!out.empty()) out += kOr;
    bool first = true;
    for (const LabelName& label : alternative) {
      if (!first) out += kAnd;
      out += label.text();
      first = false;
    }
  }
  return out;
}

}  // namespace recrypt
