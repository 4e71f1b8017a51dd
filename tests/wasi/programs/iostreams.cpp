// C++'s streams and containers.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

struct shape {
    virtual ~shape() { std::cout << "~shape\n"; }
    virtual double area() const = 0;
};
struct square : shape {
    double side;
    explicit square(double s) : side(s) {}
    double area() const override { return side * side; }
};

struct at_start {
    at_start() { std::cout << "constructed before main\n"; }
    ~at_start() { std::cout << "destroyed after main\n"; }
} global;

int main(int argc, char **argv)
{
    std::vector<std::string> words;
    for (std::string word; std::cin >> word;)
        words.push_back(word);
    std::sort(words.begin(), words.end());
    std::map<std::string, int> counts;
    for (const auto &word : words)
        counts[word]++;
    for (const auto &[word, count] : counts)
        std::cout << std::left << std::setw(8) << word << std::right << std::setw(4) << count << '\n';
    std::vector<double> v(1000);
    std::iota(v.begin(), v.end(), 0.5);
    std::cout << std::setprecision(17) << std::accumulate(v.begin(), v.end(), 0.0) << ' ' << std::scientific
              << std::sqrt(2.0) << std::defaultfloat << '\n';
    std::unique_ptr<shape> s = std::make_unique<square>(1.5);
    std::cout << s->area() << ' ' << (dynamic_cast<square *>(s.get()) != nullptr) << '\n';
    std::ostringstream out;
    out << std::hex << std::showbase << 255 << ' ' << std::boolalpha << true;
    std::cout << out.str() << ' ' << argc << ' ' << (argc > 1 ? argv[1] : "") << std::endl;
    std::cerr << "to standard error\n";
    return words.size() % 256;
}
