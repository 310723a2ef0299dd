#include "client/open_reports.h"

#include <gtest/gtest.h>

#include "client/durable_file.h"
#include "client/receipts.h"
#include "core/udf/udf.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

class OpenReportsTest : public testing::Test {
 protected:
  OpenReportsTest() {
    const auto label = world_.bob.client().profiles().Label(world_.label, ProfileUse::kRead);
    const LabelProfile::Service& service = (*label)->services.front();
    grant_ = {service.domain, service.udf, KeyUdf((*label)->key)};
  }
  std::unique_ptr<OpenReports> Make(std::chrono::milliseconds interval) {
    return std::make_unique<OpenReports>(world_.bob.client().services(), world_.bob.clock, journal_,
                                         interval);
  }
  void Note(OpenReports& reports, uint8_t document) {
    reports.Note(grant_, Bytes(16, document), Bytes(32, document));
  }
  Json Logged() {
    AuditFilter filter;
    filter.event = "open";
    const auto page = world_.alice.admin().Audit(world_.label, "example.com", filter);
    return page ? page->items : Json();
  }
  // False when it is not so within ten seconds.
  template <typename Condition>
  static bool Becomes(const Condition& condition) {
    for (int i = 0; i < 200 && !condition(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return condition();
  }

  World world_;
  GrantedBy grant_;
  TestFolder folder_;
  const std::string journal_ = folder_ / "opens.jsonl";
};

TEST_F(OpenReportsTest, TellOpeningsOfOneDocumentTogether) {
  const auto reports = Make(std::chrono::milliseconds(200));
  Note(*reports, 1);
  Note(*reports, 2);
  Note(*reports, 1);
  ASSERT_TRUE(Becomes([&] { return Logged().size() >= 2; }));
  uint64_t count = 0;
  for (const Json& record : Logged()) {
    EXPECT_EQ(record["account"], "bob@example.net");
    EXPECT_EQ(record["use"], "lease");
    count += record["count"].get<uint64_t>();
  }
  EXPECT_EQ(count, 3u);
}

TEST_F(OpenReportsTest, AreWrittenDownAtTheEndAndToldByTheNext) {
  {
    const auto reports = Make(std::chrono::hours(1));
    Note(*reports, 1);
  }
  EXPECT_NE(ReadText(journal_).find("\"count\":1"), std::string::npos);
  const auto next = Make(std::chrono::milliseconds(50));
  ASSERT_TRUE(Becomes([&] { return Logged().size() == 1; }));
  EXPECT_EQ(Logged()[0]["use"], "lease");
  EXPECT_TRUE(Becomes([&] { return ReadText(journal_).empty(); }));
}

TEST_F(OpenReportsTest, ThatTheServiceCouldNotBeToldAreMarkedOffline) {
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  const auto reports = Make(std::chrono::milliseconds(50));
  Note(*reports, 1);
  ASSERT_TRUE(Becomes([&] {
    const auto journal = ReadSmallFile(journal_, 1 << 20);
    return journal && !journal->empty();
  }));
  world_.bob.transport->BeHonest();
  ASSERT_TRUE(Becomes([&] { return Logged().size() == 1; }));
  EXPECT_EQ(Logged()[0]["use"], "offline");
}

TEST_F(OpenReportsTest, AnOpenFromTheLeaseIsOne) {
  const auto alice = world_.alice.client().MakeAccess();
  const NewDocument document = alice->Create(Expression("Accounting#example.com"), "a").value();
  {
    const auto bob = world_.bob.client().MakeAccess();
    ASSERT_TRUE(bob->Open(document.header.header, GrantUse::kOpen));
  }
  const std::string journal = world_.bob.client().directory().OpensFile();
  EXPECT_FALSE(ReadSmallFile(journal, 1 << 20));
  {
    const auto bob = world_.bob.client().MakeAccess();
    ASSERT_TRUE(bob->Open(document.header.header, GrantUse::kPrefetch));
    ASSERT_TRUE(bob->Open(document.header.header, GrantUse::kOpen));
  }
  EXPECT_NE(ReadText(journal).find("\"offline\":false"), std::string::npos);
}

TEST_F(OpenReportsTest, EveryGrantLeavesAReceiptThatTheLogBears) {
  const auto alice = world_.alice.client().MakeAccess();
  const NewDocument document = alice->Create(Expression("Accounting#example.com"), "a").value();
  const auto bob = world_.bob.client().MakeAccess();
  ASSERT_TRUE(bob->Open(document.header.header, GrantUse::kOpen));
  const auto receipts = Receipts::Load(world_.bob.client().directory().ReceiptsFile());
  ASSERT_TRUE(receipts && receipts->size() == 1);
  EXPECT_EQ((*receipts)[0].label, "Accounting#example.com");
  AuditExportVerifier verifier(*receipts, ExportCoverage::kAll);
  const auto log = world_.alice.admin().Audit(world_.label, "example.com", {});
  ASSERT_TRUE(log);
  for (const Json& record : log->items) {
    ASSERT_TRUE(verifier.Take(record));
  }
  EXPECT_EQ(verifier.Finish()->receipts, 1u);
}

TEST(ReceiptsTest, BeginANewFileWhenOneIsFull) {
  const TestFolder folder;
  Receipts receipts(folder / "receipts");
  for (uint64_t i = 1; i <= 12'000; ++i) {
    ASSERT_TRUE(receipts.Keep({"example.com", "A#example.com", {i, {}}, 0}));
  }
  const auto kept = Receipts::Load(folder / "receipts");
  ASSERT_TRUE(kept);
  EXPECT_GT(kept->size(), 5'000u);
  EXPECT_EQ(kept->back().head.sequence, 12'000u);
  for (size_t i = 1; i < kept->size(); ++i) {
    ASSERT_EQ((*kept)[i].head.sequence, (*kept)[i - 1].head.sequence + 1);
  }
}

}  // namespace
}  // namespace recrypt
