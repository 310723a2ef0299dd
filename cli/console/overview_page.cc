// The labels that this account has to do with, and how they stand.
#include "cli/console/pages.h"
#include "cli/policy_settings.h"
#include "cli/quantities.h"
#include "client/label_admin.h"

namespace recrypt {
namespace {

size_t Pending(const Json& reviews) {
  size_t pending = 0;
  for (const Json& one : reviews) {
    if (GetString(one, "State").value_or("") == "pending") ++pending;
  }
  return pending;
}

Html KeyText(Desk& desk, const LabelProfile& profile) {
  Html text = Fill("epoch {}", profile.epoch);
  const auto rotation = desk.rotations().Of(profile.label);
  const std::string link = LinkTo(desk, "rotation", profile.label);
  if (rotation && !rotation->outcome) {
    text += Fill("; <a href=\"{}\">a new key is being made</a>", link);
  } else if (profile.next) {
    text += Fill("; <a href=\"{}\">a new key was begun</a>", link);
  }
  return text;
}

std::string ServiceNames(const LabelProfile& profile) {
  std::string text;
  for (const auto& one : profile.services) text += (text.empty() ? "" : ", ") + one.domain;
  return text;
}

Result<Html> FactsOf(Desk& desk, const LabelAdmin::Listed& listed) {
  LabelAdmin admin(desk.client());
  RECRYPT_ASSIGN(const LabelProfile profile, admin.Show(listed.label));
  std::vector<std::pair<std::string, Html>> facts;
  facts.emplace_back("Service", Fill("{}", ServiceNames(profile)));
  facts.emplace_back("Key", KeyText(desk, profile));
  if (listed.administrator) {
    RECRYPT_ASSIGN(const auto members, admin.Members(listed.label));
    RECRYPT_ASSIGN(const Json reviews, admin.Reviews(listed.label));
    facts.emplace_back("Members", Fill("{}", members.size()));
    facts.emplace_back(
        "Waiting for review",
        Fill("<a href=\"{}\">{}</a>", LinkTo(desk, "reviews", listed.label), Pending(reviews)));
  }
  facts.emplace_back("Lease", Fill("{}", FormatDuration(profile.policy.lease_seconds)));
  for (const auto& [name, value] : PolicyLines(profile.policy)) {
    if (name == "quota") facts.emplace_back("Quota", Fill("{}", value));
  }
  return Facts(facts);
}

Html Card(Desk& desk, const LabelAdmin::Listed& listed, int64_t until_ms) {
  std::string role = listed.administrator ? "administrator" : "";
  if (listed.member) role += role.empty() ? "member" : ", member";
  Html about;
  if (desk.client().clock().MonotonicMillis() >= until_ms) {
    about = Fill("<p>Services answer slowly: this one was not asked.</p>\n");
  } else if (auto facts = FactsOf(desk, listed)) {
    about = std::move(*facts);
  } else {
    about = ErrorText(facts.error());
  }
  return Fill(
      "<li class=\"card\"><h2><a href=\"{}\">{}</a></h2><p class=\"role\">{}</p>\n{}</li>\n",
      LinkTo(desk, "label", listed.label), listed.label.text(), role, about);
}

}  // namespace

Result<Page> OverviewPage(Desk& desk, const Form&) {
  RECRYPT_ASSIGN(const auto labels, LabelAdmin(desk.client()).List());
  const int64_t until_ms = desk.client().clock().MonotonicMillis() + kPatienceMillis;
  Html cards;
  for (const auto& one : labels) cards += Card(desk, one, until_ms);
  Page page{"Labels", Fill("<ul class=\"cards\">\n{}</ul>\n", cards)};
  if (labels.empty()) {
    page.main = Fill("<p>No labels yet. <code>recryptfs label create</code> makes one.</p>\n");
  }
  return page;
}

}  // namespace recrypt
