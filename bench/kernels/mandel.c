/* The Mandelbrot set, point by point: a chain of dependent operations and an unpredictable end. */
#include "kernel.h"

enum { WIDTH = 160, HEIGHT = 120, LIMIT = 400 };
static int image[WIDTH * HEIGHT];

static void setup(void)
{
}

static void step(void)
{
    for (int py = 0; py < HEIGHT; py++)
        for (int px = 0; px < WIDTH; px++) {
            double cx = -2.2 + 3.0 * px / WIDTH, cy = -1.2 + 2.4 * py / HEIGHT, x = 0, y = 0;
            int n = 0;
            while (n < LIMIT && x * x + y * y <= 4.0) {
                double t = x * x - y * y + cx;
                y = 2.0 * x * y + cy;
                x = t;
                n++;
            }
            image[py * WIDTH + px] = n;
        }
}

static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        sum += image[i] * (i % 13);
    return sum;
}

KERNEL(30)
