// A PostgreSQL server of the test program's own, started when the first test asks for it.
//
//   if (!TestPostgres::IsInstalled()) GTEST_SKIP() << "PostgreSQL is not installed";
//   const std::string uri = TestPostgres::Get().NewDatabase();
//
// With RECRYPT_TEST_STORE=postgresql in the environment, every service of the tests keeps its store
// there.
#ifndef RECRYPT_TESTS_UNIT_SERVICE_POSTGRES_H_
#define RECRYPT_TESTS_UNIT_SERVICE_POSTGRES_H_

#include <sys/types.h>

#include <string>

namespace recrypt {

class TestPostgres {
 public:
  static bool IsInstalled();
  static bool IsTheStore();  // of the services of this run
  static TestPostgres& Get();
  ~TestPostgres();

  std::string NewDatabase();  // its URI
  // Away, as by a stop in order, and back.
  void Stop();
  void Start();

 private:
  TestPostgres();
  void End(int how);
  std::string UriOf(const std::string& database) const;

  std::string folder_;
  pid_t pid_ = -1;
  int databases_ = 0;
};

// A place for a store that is empty: a database, or nothing, for SQLite.
std::string NewTestStore();

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_SERVICE_POSTGRES_H_
