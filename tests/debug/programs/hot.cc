// Spends its time in one function, which perf is to find: a class's, into which another one is inlined.
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace heat {
class Grid {
public:
    explicit Grid(int n) : n_(n), now_(n * n, 1.0), next_(n * n, 0.0) {}
    __attribute__((noinline)) void relax(int steps);
    double middle() const { return now_[n_ * n_ / 2]; }

private:
    inline double average(int i) const
    {
        return 0.25 * (now_[i - 1] + now_[i + 1] + now_[i - n_] + now_[i + n_]); // average
    }
    int n_;
    std::vector<double> now_, next_;
};

void Grid::relax(int steps)
{
    for (int step = 0; step < steps; step++) {
        for (int y = 1; y < n_ - 1; y++)
            for (int x = 1; x < n_ - 1; x++)
                next_[y * n_ + x] = average(y * n_ + x); // relax
        now_.swap(next_);
    }
}
} // namespace heat

int main(int argc, char **argv)
{
    heat::Grid grid(512);
    grid.relax(argc > 1 ? std::atoi(argv[1]) : 1); // main
    std::printf("%g\n", grid.middle());
}
