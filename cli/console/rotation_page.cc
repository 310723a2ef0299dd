// The key of a label, and how far a new one is.
#include "cli/console/pages.h"
#include "client/label_admin.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr int kRefreshSeconds = 2;
constexpr size_t kMaxNamed = 200;

Html RunningText(const Rotations::Rotation& rotation) {
  if (rotation.total == 0) {
    return Fill(
        "<p role=\"status\">A new key is being made: the members' entries are being "
        "counted.</p>\n<p><progress aria-label=\"Members with the new key\"></progress></p>"
        "\n");
  }
  return Fill(
      "<p role=\"status\">A new key is being made: {} of {} members have their entries.</p>"
      "\n<p><progress aria-label=\"Members with the new key\" max=\"{}\" value=\"{}\">"
      "</progress></p>\n",
      rotation.done, rotation.total, rotation.total, rotation.done);
}

Html LeftOut(const Rotated& rotated) {
  if (rotated.left_out.empty()) return {};
  HtmlTable table{"Members without the new key", {"Account", "Why"}};
  for (const auto& one : rotated.left_out) {
    table.rows.push_back({Fill("{}", one.account), Fill("{}", one.why.message)});
  }
  return Fill(
      "<p>They read what is under earlier keys, and write nothing, until they are added "
      "again.</p>\n{}",
      table.html());
}

Html Outcome(const Result<Rotated>& outcome) {
  if (!outcome) return ErrorText(outcome.error());
  Html names;
  for (size_t i = 0; i < outcome->members.size() && i < kMaxNamed; ++i) {
    names += Fill("<li>{}</li>", outcome->members[i]);
  }
  if (outcome->members.size() > kMaxNamed) {
    names += Fill("<li>and {} more</li>", outcome->members.size() - kMaxNamed);
  }
  return Fill(
      "<p role=\"status\">The label has a new key, epoch {}, for {} {}.</p>\n<details open>"
      "<summary>Who has it</summary><ul>{}</ul></details>\n{}"
      "<p class=\"note\">Documents come under it when they are changed, or by <code>recryptfs "
      "relabel --epoch</code>. An escrow of the label is brought up to date by "
      "<code>recryptfs escrow renew</code>.</p>\n",
      outcome->profile.epoch, outcome->members.size(),
      outcome->members.size() == 1 ? "member" : "members", names, LeftOut(*outcome));
}

Html StartForm(const Desk& desk, const LabelProfile& profile) {
  const bool begun = profile.next.has_value();
  const Html about =
      begun ? Fill(
                  "<p>A new key of epoch {} was begun and is not done with. Going on completes it."
                  "</p>\n",
                  profile.next->epoch)
            : Fill(
                  "<p>A new key is for what the service cannot prevent: somebody who left, or a "
                  "device that was lost, may have kept a half of the present one. It may be "
                  "interrupted at any point, and nobody has to do anything about it.</p>\n");
  return Fill("<section><h2>A new key</h2>\n{}{}</section>\n", about,
              desk.ChangeForm("rotation", {{"name", profile.label.text()}},
                              Fill("<p><button>{}</button></p>\n",
                                   begun ? "Go on with the new key" : "Give the label a new key")));
}

}  // namespace

Result<Page> RotationPage(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  // Before the profile: what is said to be done with is in it then.
  const auto rotation = desk.rotations().Of(label);
  RECRYPT_ASSIGN(const LabelProfile profile, LabelAdmin(desk.client()).Show(label));
  const bool running = rotation && !rotation->outcome;
  Page page{"Key of " + label.text(), {}, label, "rotation"};
  if (rotation) {
    page.main += Fill("<section><h2>The last new key</h2>\n{}</section>\n",
                      running ? RunningText(*rotation) : Outcome(*rotation->outcome));
  }
  if (running) page.refresh_seconds = kRefreshSeconds;
  const std::string curve = profile.key.curve() == Curve::kP256 ? "P-256" : "X25519";
  const Html facts = Facts({{"Epoch", Fill("{}", profile.epoch)},
                            {"Key", Code(KeyUdf(profile.key))},
                            {"Curve", Fill("{}", curve)},
                            {"Earlier keys", Fill("{}", profile.archived.size())}});
  page.main += Fill("<section><h2>The present key</h2>\n{}</section>\n", facts);
  if (!running) page.main += StartForm(desk, profile);
  return page;
}

Result<Page> StartRotation(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  RECRYPT_TRY(desk.rotations().Start(label, {}));
  return GoTo(LinkTo(desk, "rotation", label));
}

}  // namespace recrypt
