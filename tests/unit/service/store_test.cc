// The store: one suite for whatever implements it.
#include <iostream>
#include <thread>

#include "postgres.h"
#include "service/audit.h"
#include "service/committer.h"
#include "service/sql_connection.h"
#include "service/sql_store.h"
#include "world.h"

namespace recrypt {
namespace {

class StoreTest : public testing::Test {
 protected:
  StoreTest() { Open(); }

  std::string path() const { return folder_.path() + "/store"; }
  Result<std::unique_ptr<Store>> TryToOpen() const {
    if (uri_.empty()) return OpenSqliteStore(path(), AuditSync::kOs);
    const auto connect = [uri = uri_] {
      return ConnectPostgres(uri, AuditSync::kOs, PostgresUse::kShort);
    };
    return OpenPostgresStore(uri_, AuditSync::kOs, PostgresUse::kServe,
                             std::make_shared<SqlPool>(connect));
  }
  void Open() {
    auto opened = TryToOpen();
    if (!opened) std::cerr << opened.error().message << "\n";
    store_ = std::move(*opened);
  }
  void Reopen() {
    store_.reset();
    Open();
  }
  Status Write(const Store::WriteBody& body) { return store_->Write({&body, 1}).at(0); }
  Status Read(const Store::ReadBody& body) { return store_->Read(body); }

  StoredLabel Label(const std::string& name, const std::vector<std::string>& keys) {
    StoredLabel label;
    label.label = name;
    label.master = "MMAS";
    label.version = 1;
    label.jws = "{}";
    label.administrators = {{"alice@example.com", "MALI"}};
    label.keys = keys;
    return label;
  }
  StoredEntry Entry(const std::string& label, const std::string& account, const std::string& device,
                    const std::string& key) {
    StoredEntry entry;
    entry.label = label;
    entry.account = account;
    entry.profile_udf = "MPRO";
    entry.device = device;
    entry.key = key;
    entry.sign = "{}";
    entry.service_half = "{\"s\":1}";
    entry.member_half = "{\"m\":1}";
    entry.created = 1000;
    return entry;
  }

  TestFolder folder_;
  const std::string uri_ = NewTestStore();
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, KeepsWhatItAcknowledgedOverARestart) {
  ASSERT_TRUE(Write([&](StoreTransaction& t) -> Status {
    RECRYPT_TRY(t.PutProfile({"alice@example.com", "MALI", 3, "{\"jws\":1}", {"MDEV"}}));
    RECRYPT_TRY(t.PutLabel(Label("A#example.com", {"MKEY"})));
    RECRYPT_TRY(t.PutSecrets("A#example.com", {{"MDEV", "{\"jwe\":1}"}}));
    RECRYPT_TRY(t.PutEntry(Entry("A#example.com", "bob@example.net", "MBOB", "MKEY")));
    return t.PutJoin({"A#example.com", "carol@example.net", "MCAR", "{}", "please", 5});
  }));
  Reopen();
  ASSERT_TRUE(Read([&](StoreView& v) -> Status {
    const auto profile = v.FindProfile("alice@example.com").value();
    EXPECT_TRUE(profile && profile->version == 3 && profile->jws == "{\"jws\":1}");
    EXPECT_EQ(v.DevicesOf("alice@example.com").value(), std::vector<std::string>{"MDEV"});
    EXPECT_TRUE(v.IsAdministrator("A#example.com", "MDEV").value());
    EXPECT_FALSE(v.IsAdministrator("A#example.com", "MBOB").value());
    EXPECT_EQ(v.FindLabelOfKey("MKEY").value(), "A#example.com");
    EXPECT_EQ(v.FindSecrets("A#example.com", "MDEV").value(), "{\"jwe\":1}");
    const auto entry = v.FindEntry("MBOB", "MKEY").value();
    EXPECT_TRUE(entry && entry->service_half == "{\"s\":1}" && !entry->revoked);
    EXPECT_EQ(v.ListJoins("A#example.com", "", 10)->at(0).message, "please");
    return {};
  }));
}

TEST_F(StoreTest, UndoesAFailedBodyAlone) {
  const std::vector<Store::WriteBody> bodies = {
      [&](StoreTransaction& t) { return t.PutLabel(Label("A#x.org", {"MA"})); },
      [&](StoreTransaction& t) -> Status {
        RECRYPT_TRY(t.PutLabel(Label("B#x.org", {"MB"})));
        return Fail(ErrorCode::kDenied, "no");
      },
      [&](StoreTransaction& t) { return t.PutLabel(Label("C#x.org", {"MC"})); },
      // Its key is A's.
      [&](StoreTransaction& t) { return t.PutLabel(Label("D#x.org", {"MA"})); },
  };
  const std::vector<Status> outcomes = store_->Write(bodies);
  EXPECT_TRUE(outcomes[0]);
  EXPECT_EQ(outcomes[1].error().code, ErrorCode::kDenied);
  EXPECT_TRUE(outcomes[2]);
  EXPECT_EQ(outcomes[3].error().code, ErrorCode::kExists);
  ASSERT_TRUE(Read([&](StoreView& v) -> Status {
    EXPECT_TRUE(v.FindLabel("A#x.org").value());
    EXPECT_FALSE(v.FindLabel("B#x.org").value());
    EXPECT_TRUE(v.FindLabel("C#x.org").value());
    EXPECT_FALSE(v.FindLabel("D#x.org").value());
    return {};
  }));
}

TEST_F(StoreTest, TakesAnyTextForNothingButText) {
  for (const std::string& text : {std::string("'; DROP TABLE labels; --"), std::string("?1 $1 :a"),
                                  std::string("\xE2\x82\xAC \" ` [x] %_*"), std::string()}) {
    ASSERT_TRUE(Write([&](StoreTransaction& t) -> Status {
      RECRYPT_TRY(t.PutProfile({text, text, 1, text, {text}}));
      StoredLabel label = Label(text, {text});
      label.jws = text;
      RECRYPT_TRY(t.PutLabel(label));
      RECRYPT_TRY(t.PutEntry(Entry(text, text, text, text)));
      return {};
    }));
    ASSERT_TRUE(Read([&](StoreView& v) -> Status {
      EXPECT_EQ(v.FindProfile(text).value()->jws, text);
      EXPECT_EQ(v.FindLabel(text).value()->jws, text);
      EXPECT_EQ(v.FindEntry(text, text).value()->account, text);
      return {};
    }));
    ASSERT_TRUE(Write([&](StoreTransaction& t) -> Status {
      return t.PutLabel(Label(text, {}));  // the key is free again
    }));
  }
}

TEST_F(StoreTest, RefusesATextWithANul) {
  const std::string text("a\0b", 3);
  EXPECT_EQ(Write([&](StoreTransaction& t) { return t.PutLabel(Label(text, {})); }).error().code,
            ErrorCode::kInvalid);
  const auto found = Read([&](StoreView& v) -> Status {
    RECRYPT_ASSIGN([[maybe_unused]] const auto label, v.FindLabel(text));
    return {};
  });
  EXPECT_EQ(found.error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(Write([&](StoreTransaction& t) { return t.PutLabel(Label("A#x.org", {})); }));
}

TEST_F(StoreTest, ListsInTheOrderOfBytes) {
  const std::vector<std::string> names = {"A#x.org", "B#x.org", "a#x.org", "\xC3\x84#x.org"};
  ASSERT_TRUE(Write([&](StoreTransaction& t) -> Status {
    RECRYPT_TRY(t.PutProfile({"alice@example.com", "MALI", 1, "{}", {"MDEV"}}));
    for (const std::string& name : names) RECRYPT_TRY(t.PutLabel(Label(name, {})));
    return {};
  }));
  ASSERT_TRUE(Read([&](StoreView& v) -> Status {
    std::vector<std::string> listed;
    const auto labels = v.ListLabels("MDEV", "", 10).value();
    for (const LabelOfDevice& one : labels) {
      listed.push_back(one.label);
    }
    EXPECT_EQ(listed, names);
    return {};
  }));
}

TEST_F(StoreTest, ReplacesTheLiveEntryOfADeviceAndKey) {
  ASSERT_TRUE(Write([&](StoreTransaction& t) -> Status {
    RECRYPT_TRY(t.PutLabel(Label("A#x.org", {"MKEY"})));
    RECRYPT_TRY(t.PutEntry(Entry("A#x.org", "bob@x.org", "MBOB", "MKEY")));
    StoredEntry second = Entry("A#x.org", "bob@x.org", "MBOB", "MKEY");
    second.member_half = "{\"m\":2}";
    return t.PutEntry(second);
  }));
  ASSERT_TRUE(Read([&](StoreView& v) -> Status {
    EXPECT_EQ(v.FindEntry("MBOB", "MKEY").value()->member_half, "{\"m\":2}");
    const auto all = v.EntriesOfDevice("A#x.org", "MBOB").value();
    EXPECT_EQ(all.size(), 2u);
    EXPECT_TRUE(all[0].revoked && !all[1].revoked);
    return {};
  }));
}

TEST_F(StoreTest, RevokesByWhatIsGivenAndNoMore) {
  ASSERT_TRUE(Write([&](StoreTransaction& t) -> Status {
    RECRYPT_TRY(t.PutLabel(Label("A#x.org", {"MA1", "MA2"})));
    RECRYPT_TRY(t.PutLabel(Label("B#x.org", {"MB"})));
    for (const char* key : {"MA1", "MA2"}) {
      RECRYPT_TRY(t.PutEntry(Entry("A#x.org", "bob@x.org", "MBOB1", key)));
      RECRYPT_TRY(t.PutEntry(Entry("A#x.org", "bob@x.org", "MBOB2", key)));
      RECRYPT_TRY(t.PutEntry(Entry("A#x.org", "eve@x.org", "MEVE", key)));
    }
    return t.PutEntry(Entry("B#x.org", "bob@x.org", "MBOB1", "MB"));
  }));
  const auto revoke = [&](const EntryFilter& filter) {
    Revoked revoked;
    EXPECT_TRUE(Write([&](StoreTransaction& t) -> Status {
      RECRYPT_ASSIGN(revoked, t.RevokeEntries(filter, 2000));
      return {};
    }));
    return revoked.count;
  };
  EXPECT_EQ(revoke({"A#x.org", "bob@x.org", "MBOB2", ""}), 2);
  EXPECT_EQ(revoke({"A#x.org", "", "", "MA2"}), 2);
  EXPECT_EQ(revoke({"", "bob@x.org", "MBOB1", ""}), 2);
  EXPECT_EQ(revoke({"A#x.org", "", "", ""}), 1);
  EXPECT_EQ(revoke({"B#x.org", "", "", ""}), 0);
}

TEST_F(StoreTest, UsesAnEntryOnlyWhileItAndItsLabelAreAsTheyWere) {
  int64_t id = 0;
  ASSERT_TRUE(Write([&](StoreTransaction& t) -> Status {
    RECRYPT_TRY(t.PutLabel(Label("A#x.org", {"MKEY"})));
    RECRYPT_TRY(t.PutEntry(Entry("A#x.org", "bob@x.org", "MBOB", "MKEY")));
    id = t.FindEntry("MBOB", "MKEY").value()->id;
    EXPECT_TRUE(t.UseEntry(id, 1, 5000).value());
    EXPECT_TRUE(t.UseEntry(id, 1, 4000).value());  // a lease never shortens one given before
    EXPECT_FALSE(t.UseEntry(id, 2, 9000).value());
    EXPECT_FALSE(t.UseEntry(id + 1, 1, 9000).value());
    RECRYPT_ASSIGN(const Revoked revoked, t.RevokeEntries({"A#x.org", "", "", ""}, 2000));
    EXPECT_EQ(revoked.lease_until, 5000);
    EXPECT_FALSE(t.UseEntry(id, 1, 9000).value());
    return {};
  }));
}

Status AppendAGrant(StoreTransaction& transaction) {
  AuditRecord record;
  record.event = "grant";
  return AppendAudit(transaction, {&record, 1}) ? Status() : Fail(ErrorCode::kIo, "");
}

TEST_F(StoreTest, CommitsTogetherWhatArrivesTogether) {
  Committer committer(*store_);
  std::atomic<int> succeeded = 0;
  for (int i = 0; i < 500; ++i) {
    committer.Submit(AppendAGrant, [&](const Status& outcome) { succeeded += outcome ? 1 : 0; });
  }
  committer.Stop();
  EXPECT_EQ(succeeded, 500);
  EXPECT_EQ(VerifyAudit(*store_)->sequence, 500u);
  bool refused = false;
  committer.Submit([](StoreTransaction&) -> Status { return {}; },
                   [&](const Status& outcome) { refused = !outcome; });
  EXPECT_TRUE(refused);
}

TEST_F(StoreTest, CommitsWhereItIsCalledWhenNothingElseIsUnderWay) {
  Committer committer(*store_, Committer::Writer::kCaller);
  std::thread::id writer;
  std::atomic<int> succeeded = 0;
  const auto count = [&](const Status& outcome) { succeeded += outcome ? 1 : 0; };
  committer.Submit(AppendAGrant, [&](const Status& outcome) {
    writer = std::this_thread::get_id();
    count(outcome);
    committer.Submit(AppendAGrant, count);  // while one is: left to the committer's thread
  });
  EXPECT_EQ(writer, std::this_thread::get_id());
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 100; ++j) committer.Submit(AppendAGrant, count);
    });
  }
  for (std::thread& caller : callers) caller.join();
  committer.Stop();
  EXPECT_EQ(succeeded, 402);
  EXPECT_EQ(VerifyAudit(*store_)->sequence, 402u);
}

TEST_F(StoreTest, KeepsQuotasAndReviewsOverARestart) {
  const QuotaKey key{"A#x.org", "member", "bob@x.org", 60};
  StoredReview review;
  review.label = "A#x.org";
  review.account = "bob@x.org";
  review.ephemeral = Bytes(32, 7);
  review.requested = 5;
  ASSERT_TRUE(Write([&](StoreTransaction& t) -> Status {
    EXPECT_EQ(t.FindQuotaUse(key)->used, 0);
    RECRYPT_TRY(t.PutQuotaUse(key, {100, 1}));
    RECRYPT_TRY(t.PutQuotaUse(key, {100, 2}));
    RECRYPT_TRY(t.PutReview(review));
    EXPECT_EQ(t.CountPendingReviews("A#x.org", "bob@x.org").value(), 1);
    return {};
  }));
  Reopen();
  int64_t id = 0;
  ASSERT_TRUE(Read([&](StoreView& v) -> Status {
    EXPECT_EQ(v.FindQuotaUse(key)->used, 2);
    EXPECT_EQ(v.FindQuotaUse({"A#x.org", "member", "eve@x.org", 60})->used, 0);
    const auto found = v.FindReview("A#x.org", "bob@x.org", Bytes(32, 7)).value();
    EXPECT_TRUE(found && found->state == ReviewState::kPending && found->requested == 5);
    id = found ? found->id : 0;
    EXPECT_FALSE(v.FindReviewById("B#x.org", id).value());
    return {};
  }));
  review.state = ReviewState::kApproved;
  review.by = "eve@x.org";
  review.until = 900;
  ASSERT_TRUE(Write([&](StoreTransaction& t) { return t.PutReview(review); }));
  ASSERT_TRUE(Read([&](StoreView& v) -> Status {
    const auto all = v.ListReviews("A#x.org", 0, 10).value();
    EXPECT_EQ(all.size(), 1u);
    EXPECT_TRUE(all[0].id == id && all[0].until == 900 && all[0].by == "eve@x.org");
    EXPECT_EQ(v.CountPendingReviews("A#x.org", "bob@x.org").value(), 0);
    return {};
  }));
}

TEST_F(StoreTest, OfALaterVersionIsNotTouched) {
  store_.reset();
  ChangeStoreAt(path(), uri_, "UPDATE schema_version SET number = 99");
  const auto opened = TryToOpen();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
  EXPECT_NE(opened.error().message.find("99"), std::string::npos);
}

// The log, and everything that can be done to its rows.
class AuditTest : public StoreTest {
 protected:
  AuditTest() {
    EXPECT_TRUE(Write([](StoreTransaction& t) -> Status {
      std::vector<AuditRecord> records(10);
      for (size_t i = 0; i < records.size(); ++i) {
        records[i].event = "grant";
        records[i].label = "A#x.org";
        records[i].time = 1769860800 + static_cast<int64_t>(i);
      }
      RECRYPT_ASSIGN([[maybe_unused]] const AuditHead head, AppendAudit(t, records));
      return {};
    }));
  }

  // What verification says after somebody changed the table.
  std::string VerdictAfter(const std::string& sql) {
    store_.reset();
    ChangeStoreAt(path(), uri_, sql);
    Open();
    const auto head = VerifyAudit(*store_);
    if (head) return "whole, " + std::to_string(head->sequence);
    EXPECT_EQ(head.error().code, ErrorCode::kCorrupt);
    return head.error().message;
  }
};

TEST_F(AuditTest, VerifiesAsItWasWritten) { EXPECT_EQ(VerifyAudit(*store_)->sequence, 10u); }

TEST_F(AuditTest, NamesARecordThatWasAltered) {
  EXPECT_NE(VerdictAfter("UPDATE audit SET record = replace(record, 'grant', 'refuse'), "
                         "event = 'refuse' WHERE sequence = 4")
                .find("record 4:"),
            std::string::npos);
}

TEST_F(AuditTest, NamesARecordThatIsMissing) {
  EXPECT_NE(VerdictAfter("DELETE FROM audit WHERE sequence = 7").find("record 7:"),
            std::string::npos);
}

TEST_F(AuditTest, NamesARecordThatWasMoved) {
  EXPECT_NE(VerdictAfter("UPDATE audit SET sequence = 100 WHERE sequence = 3;"
                         "UPDATE audit SET sequence = 3 WHERE sequence = 4;"
                         "UPDATE audit SET sequence = 4 WHERE sequence = 100")
                .find("record 3:"),
            std::string::npos);
}

TEST_F(AuditTest, NamesARecordThatIsFiledUnderAnotherLabel) {
  EXPECT_NE(VerdictAfter("UPDATE audit SET label = 'B#x.org' WHERE sequence = 5").find("record 5:"),
            std::string::npos);
}

TEST_F(AuditTest, ShowsACutEndOnlyAgainstAReceipt) {
  const AuditHead receipt = VerifyAudit(*store_).value();
  EXPECT_EQ(VerdictAfter("DELETE FROM audit WHERE sequence > 8"), "whole, 8");
  EXPECT_LT(VerifyAudit(*store_)->sequence, receipt.sequence);
}

TEST(AuditRecordText, IsWhatTheJsonLibraryWouldWrite) {
  AuditRecord record;
  record.event = "grant";
  record.time = 1769860800;
  record.label =
      "B\xC3\xBC"
      "cher#example.com";
  record.account = "a\"\\\x01@example.com";
  record.device = "MDEV";
  record.key = "MKEY";
  record.reason = "policy";
  record.use = "open";
  record.document = Bytes(16, 1);
  record.header = Bytes(32, 2);
  record.ephemeral = Bytes(32, 3);
  record.opened = "2026-01-31T12:00:00Z";
  record.count = 2;
  record.review = 3;
  record.by = "s@example.com";
  const std::string text = WriteAuditRecord(record, {17, 16});
  const auto parsed = ParseJson(text);
  ASSERT_TRUE(parsed) << text;
  EXPECT_EQ(DumpJson(*parsed), text);
  EXPECT_EQ((*parsed)["account"], record.account);
  EXPECT_EQ((*parsed)["sequence"], 17);
  EXPECT_EQ((*parsed)["before"], 16);
  EXPECT_EQ(parsed->size(), 17u);
}

TEST(AuditRecordText, LeavesOutWhatDoesNotApply) {
  AuditRecord record;
  record.event = "set-profile";
  record.account = "a@example.com";
  EXPECT_EQ(WriteAuditRecord(record, {1, 0}),
            R"({"account":"a@example.com","event":"set-profile","sequence":1,)"
            R"("time":"1970-01-01T00:00:00Z"})");
}

}  // namespace
}  // namespace recrypt
