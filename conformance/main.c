/*
 * main.c -- the program rouse-conform. conform.c does the work.
 */
#include <rouse/conform.h>

int main(int argc, char **argv)
{
    return rouse_conform_main(argc, argv, NULL);
}
