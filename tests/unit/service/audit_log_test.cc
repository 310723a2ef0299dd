// The audit log as administrators and operators see it: exports, checkpoints, reports of openings.
#include "core/protocol/audit_export.h"
#include "core/udf/udf.h"
#include "service/audit.h"
#include "service/sql_connection.h"
#include "service/sql_store.h"
#include "world.h"

namespace recrypt {
namespace {

SelectRequest AuditOf(const TestLabel& label) {
  SelectRequest select;
  select.type = "Audit";
  select.label = label.name();
  select.limit = 1000;
  return select;
}

class AuditLogTest : public testing::Test {
 protected:
  SelectResponse Ask(const SelectRequest& select) {
    const Response response = world_.alice_client.Call(Request(select));
    const auto* found = std::get_if<SelectResponse>(&response);
    return found != nullptr ? *found : SelectResponse{StatusIn(response), Json::array(), "", {}};
  }

  // All lines of an export, with a record of another label among those of this one.
  std::vector<Json> Export() {
    const TestLabel other("Other#example.com", world_.alice, world_.service);
    EXPECT_TRUE(world_.alice_client.SetLabel(other, world_.alice).ok());
    Grant(3);
    const SelectResponse page = Ask(AuditOf(world_.label));
    std::vector<Json> lines(page.items.begin(), page.items.end());
    lines.push_back({{"checkpoint", page.checkpoint}});
    return lines;
  }
  void Grant(int times) {
    for (int i = 0; i < times; ++i) {
      const GetResponse granted = world_.bob_client.Grant(world_.label.Kid(), {NewEphemeral()});
      ASSERT_TRUE(granted.grants.at(0).status.ok());
      receipt_ = {"example.com",
                  world_.label.name(),
                  {granted.receipt_sequence, ToArray<32>(granted.receipt_head).value()},
                  0};
    }
  }

  std::string Verdict(const std::vector<Json>& lines, ExportCoverage coverage,
                      const std::vector<AuditReceipt>& receipts = {}) {
    AuditExportVerifier verifier(receipts, coverage);
    for (const Json& line : lines) {
      if (const Status taken = verifier.Take(line); !taken) return taken.error().message;
    }
    const auto summary = verifier.Finish();
    return summary ? "whole" : summary.error().message;
  }
  static std::string Named(const Json& record) {
    return "audit record " + DumpJson(record["sequence"]) + ":";
  }

  World world_;
  AuditReceipt receipt_;
};

TEST_F(AuditLogTest, AnExportVerifiesAndItsServiceHasSignedIt) {
  const std::vector<Json> lines = Export();
  EXPECT_EQ(Verdict(lines, ExportCoverage::kAll, {receipt_}), "whole");
  const Checkpoint checkpoint = VerifyCheckpoint(lines.back()["checkpoint"]).value();
  EXPECT_EQ(KeyUdf(checkpoint.sign), world_.service.server().fingerprint());
  EXPECT_EQ(checkpoint.label, world_.label.name());
}

TEST_F(AuditLogTest, AnExportNamesTheFirstRecordThatWasAlteredLeftOutOrMoved) {
  const std::vector<Json> whole = Export();
  for (size_t i = 0; i + 1 < whole.size(); ++i) {
    std::vector<Json> lines = whole;
    lines[i]["account"] = "eve@example.com";
    EXPECT_EQ(Verdict(lines, ExportCoverage::kAll).find(Named(whole[i])), 0u) << i;
    lines = whole;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(Verdict(lines, ExportCoverage::kAll).find(Named(whole[i])), 0u) << i;
    if (i == 0) continue;
    lines = whole;
    std::swap(lines[i - 1], lines[i]);
    EXPECT_NE(Verdict(lines, ExportCoverage::kAll), "whole") << i;
  }
}

TEST_F(AuditLogTest, AnExportThatWasCutShowsAgainstCheckpointAndReceipt) {
  std::vector<Json> lines = Export();
  const Json checkpoint = lines.back();
  lines.pop_back();
  const Json last = lines.back();
  lines.pop_back();
  EXPECT_EQ(Verdict(lines, ExportCoverage::kAll), "whole");
  EXPECT_EQ(Verdict(lines, ExportCoverage::kAll, {receipt_}).find(Named(last)), 0u);
  lines.push_back(checkpoint);
  EXPECT_EQ(Verdict(lines, ExportCoverage::kAll).find(Named(last)), 0u);
}

TEST_F(AuditLogTest, ALogThatWasWrittenAnewShowsAgainstAReceipt) {
  const std::vector<Json> lines = Export();
  receipt_.head.hash[0] ^= 1;
  EXPECT_NE(Verdict(lines, ExportCoverage::kAll, {receipt_}).find("receipt"), std::string::npos);
}

TEST_F(AuditLogTest, CanBeFilteredByDocumentAndTime) {
  Grant(2);
  const int64_t now = world_.service.clock.NowSeconds();
  world_.service.clock.Advance(100);
  SelectRequest select = AuditOf(world_.label);
  const size_t all = Ask(select).items.size();
  Grant(1);
  select.from = now + 50;
  EXPECT_EQ(Ask(select).items.size(), 1u);
  select.from.reset();
  select.to = now + 50;
  EXPECT_EQ(Ask(select).items.size(), all);
  select.to.reset();
  select.document = Bytes(16, 0xDD);
  const SelectResponse found = Ask(select);
  EXPECT_EQ(found.items.size(), 3u);
  EXPECT_EQ(Verdict({found.items.begin(), found.items.end()}, ExportCoverage::kFiltered), "whole");
  select.document = Bytes(16, 0xDE);
  EXPECT_EQ(Ask(select).items.size(), 0u);
  select.document.clear();
  select.limit = 2;
  const SelectResponse page = Ask(select);
  EXPECT_EQ(page.items.size(), 2u);
  EXPECT_FALSE(page.next.empty());
  EXPECT_TRUE(page.checkpoint.is_null());
}

TEST_F(AuditLogTest, HoldsWhatWasOpenedUnderALease) {
  OpensRecord opens;
  opens.opens.push_back({world_.label.Kid(), Bytes(16, 1), Bytes(32, 2), 1769860800, 3, true});
  SetRequest set;
  set.what.emplace<OpensRecord>(opens);
  EXPECT_TRUE(StatusIn(world_.bob_client.Call(Request(set))).ok());
  EXPECT_EQ(StatusIn(world_.carol_client.Call(Request(set))).reason, "no-entry");
  SelectRequest select = AuditOf(world_.label);
  select.event = "open";
  const Json items = Ask(select).items;
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0]["account"], "bob@example.net");
  EXPECT_EQ(items[0]["use"], "offline");
  EXPECT_EQ(items[0]["count"], 3);
  EXPECT_EQ(items[0]["opened"], "2026-01-31T12:00:00Z");
}

TEST_F(AuditLogTest, CheckpointsOfTheServiceFindAStoreThatWasRewritten) {
  Grant(2);
  const std::string udf = world_.service.server().fingerprint();
  world_.service.Stop();
  {
    auto store = world_.service.ReadStore();
    EXPECT_GE(VerifyCheckpoints(*store, udf).value(), 1u);
    EXPECT_FALSE(VerifyCheckpoints(*store, "MAAA"));
  }
  world_.service.ChangeStore(
      "DELETE FROM audit WHERE sequence = (SELECT MAX(sequence) FROM audit)");
  auto store = world_.service.ReadStore();
  EXPECT_TRUE(VerifyAudit(*store));
  const auto verdict = VerifyCheckpoints(*store, udf);
  ASSERT_FALSE(verdict);
  EXPECT_NE(verdict.error().message.find("is missing"), std::string::npos);
}

}  // namespace
}  // namespace recrypt
