// recryptfs label rotate: a new key for a label.
#include "cli/rotation.h"

#include <array>
#include <optional>

#include "cli/label_command.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

std::string Members(size_t count) {
  return std::to_string(count) + (count == 1 ? " member" : " members");
}

// By their names, where that is no page.
std::string Naming(const std::vector<std::string>& members) {
  constexpr size_t kMaxNamed = 12;
  std::string text = Members(members.size());
  if (members.empty() || members.size() > kMaxNamed) return text;
  for (size_t i = 0; i < members.size(); ++i) text += (i == 0 ? ": " : ", ") + members[i];
  return text;
}

class LabelRotate : public LabelCommand {
  Status RunFor(Context& context, Client& client, const LabelName& label) override {
    RECRYPT_ASSIGN(const RotationTold told, RotateAndTell(context, client, label, {}));
    context.out.Object(told.object);
    return told.outcome;
  }
};

constexpr std::array kVerbs = {
    Verb{"label rotate", "Give a label a new key, for all who are members now",
         "recryptfs label rotate Accounting#example.com", MakeCommand<LabelRotate>},
};

}  // namespace

Result<RotationTold> RotateAndTell(Context& context, Client& client, const LabelName& label,
                                   std::set<std::string> without) {
  RotationWanted wanted{std::move(without)};
  std::optional<ProgressLine> line;
  wanted.progress = [&](uint64_t done, uint64_t total) {
    if (!line) line.emplace(context.out, "rotating " + label.text(), total, ProgressUnit::kPieces);
    line->Update(done);
  };
  auto rotated = RotateLabel(client, label, wanted);
  line.reset();
  if (!rotated) return Fail(std::move(rotated.error()));
  const LabelProfile& profile = rotated->profile;
  context.out.Line(label.text() + " has a new key, epoch " + std::to_string(profile.epoch) +
                   ", for " + Naming(rotated->members) + ".");
  context.out.Line(
      "Documents come under it when they are changed, or by 'recryptfs relabel --epoch PATH'. An "
      "escrow of the label is brought up to date by 'recryptfs escrow renew'.");
  RotationTold told;
  Json left_out = Json::array();
  for (const Rotated::LeftOut& one : rotated->left_out) {
    context.out.Failure({one.why.code, one.account + " got no entry: " + one.why.message, 0});
    left_out.push_back({{"account", one.account}, {"why", one.why.message}});
  }
  told.object = {{"label", label.text()},
                 {"epoch", profile.epoch},
                 {"key", KeyUdf(profile.key)},
                 {"members", rotated->members},
                 {"left_out", std::move(left_out)}};
  if (!rotated->left_out.empty()) {
    told.outcome = Fail(rotated->left_out.front().why.code,
                        Members(rotated->left_out.size()) +
                            " without the new key, see above; 'recryptfs label add' gives it");
  }
  return told;
}

std::span<const Verb> RotationVerbs() { return kVerbs; }

}  // namespace recrypt
